package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/config"
	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/internal/engine"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

type backupOptions struct {
	configOptions
	hostOptions
	keyOptions
	storeOptions
	sealOptions
	outputOptions
	mode        string
	allowOutage bool
}

func (o *backupOptions) AddFlags(c *cobra.Command) {
	o.configOptions.AddFlags(c)
	o.hostOptions.AddFlags(c)
	o.keyOptions.AddFlags(c)
	o.storeOptions.AddFlags(c)
	o.sealOptions.AddFlags(c)
	o.outputOptions.AddFlags(c)
	c.Flags().StringVar(&o.mode, "mode", string(snapshot.Cold), "cold stops the engine for the copy, hot does not")
	c.Flags().BoolVar(&o.allowOutage, "allow-outage", false, "stop the only manager of a swarm, which stands still meanwhile")
	must(c.RegisterFlagCompletionFunc("mode", cobra.FixedCompletions([]string{"cold", "hot"}, cobra.ShellCompDirectiveNoFileComp)))
}

func (o *backupOptions) Validate() error {
	if m := snapshot.Mode(o.mode); m != snapshot.Cold && m != snapshot.Hot {
		return usagef("unknown mode %q: cold or hot", o.mode)
	}
	return o.outputOptions.Validate()
}

func newBackupCommand(s *Streams) *cobra.Command {
	o := backupOptions{}
	c := &cobra.Command{
		Use:   "backup",
		Short: "Take a snapshot of this manager",
		Long: `Take a snapshot of the manager that this runs on, prove it by decrypting and
replaying it, seal it, store it, and read it back.

Cold, the default, stops the engine for the time of a local copy. It refuses
unless a majority of the managers stays reachable without this one; the only
manager of a swarm is stopped with --allow-outage. If anything
fails, or this command is killed, the engine comes up again. Hot does not stop
the engine and is as strict about the proof; of a manager that does not lead it
holds what the leader had sent by then. A key that was rotated meanwhile is read
again.
` + exitHelp,
		Example: `  swarmdr backup --recipients-file /etc/swarmdr/recipients.txt --unlock-key-file /root/unlock.key
  swarmdr backup --mode hot --store file:///mnt/backup/swarm -R /etc/swarmdr/recipients.txt`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.Validate(); err != nil {
				return err
			}
			return runBackup(c.Context(), s, &o)
		},
	}
	o.AddFlags(c)
	return c
}

func runBackup(ctx context.Context, s *Streams, o *backupOptions) error {
	cfg, err := o.load()
	if err != nil {
		return err
	}
	to, err := o.destination(cfg)
	if err != nil {
		return err
	}
	b, err := o.prepare(ctx, cfg)
	if err != nil {
		return err
	}
	trusted, err := trustedSigners(cfg)
	if err != nil {
		return err
	}
	outage, err := newOutage(s, cfg, o.hostOptions.resolve(cfg), &o.keyOptions, o.configOptions.path)
	if err != nil {
		return err
	}
	defer outage.Client.Close()
	lock, err := lockState(ctx, cfg)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := to.sweep(ctx); err != nil {
		return err
	}
	outage.AllowOutage = o.allowOutage
	b.Engine, b.Progress = outage, progress(s)
	if err := recall(ctx, s, outage); err != nil {
		return err
	}
	st, err := outage.Client.Status(ctx)
	if err != nil {
		return err
	}
	b.Hostname, b.EngineVer = st.Hostname, st.Version
	b.Store = to.first(ctx)
	debug.SetGCPercent(backupGC)
	m, err := snapshot.Backup(ctx, b)
	if err != nil {
		return err
	}
	where, failed := to.deliver(ctx, m.Name, trusted)
	return errors.Join(printBackup(s, backupResult{m, where}, o.json()), failed)
}

// backupGC is how much garbage a backup may leave beside the objects of a swarm,
// in percent of them: they may be hundreds of MB on a machine that has other
// work to do.
const backupGC = 10

// backupResult is the manifest, and where the snapshot is.
type backupResult struct {
	*snapshot.Manifest
	delivered
}

// prepare refuses all that can be refused before the engine is asked.
func (o *backupOptions) prepare(ctx context.Context, cfg config.Config) (snapshot.BackupOptions, error) {
	b := snapshot.BackupOptions{Mode: snapshot.Mode(o.mode), Tool: "swarmdr " + version}
	var err error
	if b.Recipients, err = o.recipients(cfg); err != nil {
		return b, err
	}
	b.ReadKey = func(ctx context.Context) (unlock.Key, error) { return o.keyOptions.read(ctx, cfg) }
	if b.Key, err = b.ReadKey(ctx); err != nil {
		return b, err
	}
	if b.Signer, err = signer(cfg); err != nil {
		return b, err
	}
	if b.ScratchDir, err = scratchDir(cfg); err != nil {
		return b, err
	}
	b.Dir, err = swarmDir(ctx, cfg, o.hostOptions.resolve(cfg))
	return b, err
}

// lockState keeps two runs from working on this manager at once.
func lockState(ctx context.Context, cfg config.Config) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return durable.LockFile(ctx, filepath.Join(cfg.StateDir, "lock"))
}

// sweep removes from the spool what a run that was killed left half-made.
func (d *destination) sweep(ctx context.Context) error {
	if d.spool == nil {
		return nil
	}
	return snapshot.Sweep(ctx, d.spool)
}

// recall brings up an engine that a run which was killed left down.
func recall(ctx context.Context, s *Streams, outage *engine.Outage) error {
	recalled, err := outage.Recall(ctx, false)
	if err != nil {
		return fmt.Errorf("%w: %w", snapshot.ErrEngineDown, err)
	}
	if recalled {
		fmt.Fprintln(s.Err, "an earlier run was killed while the engine was down: it was started again")
	}
	return nil
}

// progress prints steps for a person, and logs them otherwise.
func progress(s *Streams) func(string) {
	if !s.Terminal {
		return func(step string) { slog.Info(step) }
	}
	begin := time.Now()
	return func(step string) {
		fmt.Fprintf(s.Err, "%6.1f s  %s\n", time.Since(begin).Seconds(), step)
	}
}

func printBackup(s *Streams, r backupResult, asJSON bool) error {
	if asJSON {
		return writeJSON(s.Out, r)
	}
	c := r.Contents
	fmt.Fprintln(s.Out, r.Name)
	fmt.Fprintf(s.Out, "  %s copy of %s, index %d: %d services, %d secrets, %d configs, %d networks, %d nodes\n", r.Mode, r.Hostname, c.Index,
		c.Objects["service"], c.Objects["secret"], c.Objects["config"], c.Objects["network"], c.Objects["node"])
	if r.Mode == snapshot.Cold {
		fmt.Fprintf(s.Out, "  the engine was down for %.1f s\n", float64(r.DownMS)/1000)
	}
	if c.Autolock {
		fmt.Fprintf(s.Out, "  opens with the unlock key %s\n", c.KeyFingerprint)
	}
	fmt.Fprintf(s.Out, "  %d KiB, decrypted, replayed, stored and read back\n", (r.SealedSize+1023)>>10)
	return printDelivered(s, r.delivered)
}

func printDelivered(s *Streams, d delivered) error {
	for _, to := range d.Stores {
		state := "stored in"
		if to.Error != "" {
			state = "not stored in"
		}
		fmt.Fprintf(s.Out, "  %s %s\n", state, to.URL)
	}
	if d.Spooled {
		fmt.Fprintln(s.Out, "  kept in the spool: the next backup delivers it")
	}
	return nil
}
