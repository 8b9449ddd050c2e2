package cli

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/config"
	"github.com/swarmdr/swarmdr/internal/engine"
	"github.com/swarmdr/swarmdr/internal/keyring"
	"github.com/swarmdr/swarmdr/internal/quorum"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

type keyRotateOptions struct {
	configOptions
	managerOptions
	keyOptions
	recipientOptions
	outOption
	outputOptions
	replace, allowMissed, again bool
}

func newKeyRotateCommand(s *Streams) *cobra.Command {
	o := keyRotateOptions{}
	c := &cobra.Command{
		Use:   "rotate",
		Short: "Give the swarm another unlock key, save it, and wait until every manager took it",
		Long: `Give the swarm another unlock key. The new one is saved before anything else is
done: sealed to recipients in the state directory, and the old one beside it; with
--out in clear to a new file; with --replace-key-file in place of the key in the
file that holds it now, which is kept as FILE.FINGERPRINT. One of these is needed.
Older snapshots open with the old key alone: keep both.

It refuses unless all managers are reachable: one that is down keeps the old key,
and needs it to be unlocked. --allow-missed rotates all the same.

Then it waits until the managers took the new key. That is proven of those whose
node key file is on this machine: this one, a unix:// --manager, those of --lab.
Of the others Docker's API does not tell; they are assumed to have taken it when
they stay reachable for five seconds: managers need less than two.

Fingerprints and times, never keys, are kept in unlock-keys.json in the state
directory. Killed between rotation and saving, nothing is lost: the swarm has the
key. Run it again, and it saves that one instead of rotating again; ` + "`swarmdr key\nescrow`" + ` does as well. Within ten minutes after a rotation a second one is refused
without --again.
` + exitHelp,
		Example: `  swarmdr key rotate --recipients-file /etc/swarmdr/recipients.txt
  swarmdr key rotate --unlock-key-file /root/unlock.key --replace-key-file`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.outputOptions.Validate(); err != nil {
				return err
			}
			return runKeyRotate(c.Context(), s, &o)
		},
	}
	o.configOptions.AddFlags(c)
	o.managerOptions.AddFlags(c)
	o.keyOptions.AddFlags(c)
	o.recipientOptions.AddFlags(c)
	o.outOption.AddFlags(c)
	o.outputOptions.AddFlags(c)
	f := c.Flags()
	f.BoolVar(&o.replace, "replace-key-file", false, "put the new key into the file of --unlock-key-file or of the configuration, and keep the old one beside it")
	f.BoolVar(&o.allowMissed, "allow-missed", false, "rotate although managers cannot be reached, which then need the old key")
	f.BoolVar(&o.again, "again", false, "rotate although the key was rotated just now")
	return c
}

func runKeyRotate(ctx context.Context, s *Streams, o *keyRotateOptions) error {
	cfg, err := o.load()
	if err != nil {
		return err
	}
	r, err := o.rotation(s, cfg)
	if err != nil {
		return err
	}
	all, err := o.connect(cfg)
	defer closeManagers(all)
	if err != nil {
		return err
	}
	lock, err := lockNewState(ctx, cfg)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := o.aim(ctx, cfg, r, all); err != nil {
		return err
	}
	result, failed := r.Run(ctx)
	if result == nil {
		return notOverwritten(r.Out, failed)
	}
	if err := o.print(s, result); err != nil {
		return err
	}
	o.remind(s, cfg, r)
	return failed
}

// rotation is all that can be refused before anybody is asked.
func (o *keyRotateOptions) rotation(s *Streams, cfg config.Config) (*keyring.Rotation, error) {
	r := &keyring.Rotation{
		StateDir: cfg.StateDir, Out: o.out, AllowMissed: o.allowMissed, Again: o.again, Progress: progress(s),
	}
	var err error
	if r.Recipients, err = o.recipientOptions.read(cfg); err != nil {
		return nil, err
	}
	if len(r.Recipients) > 0 {
		if err := unlock.CheckRecipients(r.Recipients); err != nil {
			return nil, usageError{err}
		}
	}
	if o.replace {
		if r.KeyFile = o.heldIn(cfg); r.KeyFile == "" {
			return nil, usagef("--replace-key-file: neither --unlock-key-file nor unlock_key_file names a file")
		}
	}
	if len(r.Recipients) == 0 && r.Out == "" && r.KeyFile == "" {
		return nil, usagef("nowhere to save the new key: name recipients, --out or --replace-key-file")
	}
	return r, nil
}

// heldIn is the file that holds the unlock key on this host.
func (o *keyRotateOptions) heldIn(cfg config.Config) string {
	if o.keyOptions.file != "" || o.command != "" {
		return o.keyOptions.file
	}
	return cfg.UnlockKeyFile
}

// aim finds the manager to ask, and the node keys that are at hand.
func (o *keyRotateOptions) aim(ctx context.Context, cfg config.Config, r *keyring.Rotation, all []manager) error {
	seen := statuses(ctx, all)
	r.Dirs = map[string]string{}
	away := map[string]bool{}
	for _, m := range seen {
		active := m.err == nil && m.State == engine.StateActive && m.ControlAvailable
		if active && r.Swarm == nil {
			r.Swarm = &askedSwarm{Client: m.client, self: m.NodeID, away: away, probe: o.lab == "" && m.name == ""}
		}
		if dir := m.dirAtHand(cfg); active && dir != "" {
			r.Dirs[m.NodeID] = dir
		}
		away[m.name] = !active && m.name != ""
	}
	if r.Swarm != nil {
		return nil
	}
	if seen[0].err != nil {
		return seen[0].err
	}
	_, err := seen[0].client.Cluster(ctx)
	return err
}

// askedSwarm adds what was seen besides to what the leader says of the
// managers, which lists the dead as reachable for some seconds: whose API does
// not answer, and, when this is a manager, whose port does not.
type askedSwarm struct {
	*engine.Client
	self  string
	away  map[string]bool
	probe bool
}

// Quorum implements keyring.Swarm.
func (a *askedSwarm) Quorum(ctx context.Context) (quorum.View, error) {
	view, err := a.Client.Quorum(ctx)
	if err != nil {
		return view, err
	}
	if a.probe && strings.HasPrefix(a.Host(), "unix://") {
		view = (&quorumOptions{}).combine(ctx, view, a.self)
	}
	for i := range view.Voters {
		if v := &view.Voters[i]; a.away[v.Hostname] {
			slog.Info("its engine is not an active manager", "manager", v.Hostname)
			v.Reach = quorum.Unreachable
		}
	}
	return view, nil
}

func (o *keyRotateOptions) print(s *Streams, r *keyring.Result) error {
	if o.json() {
		return writeJSON(s.Out, r)
	}
	what := "was rotated"
	if !r.Rotated {
		what = "had been rotated by a run that was cut off"
	}
	fmt.Fprintf(s.Out, "the unlock key %s, from %s to %s\n", what, r.Old, r.New)
	for _, path := range r.Saved {
		fmt.Fprintf(s.Out, "  saved in %s\n", path)
	}
	if r.Kept != "" {
		fmt.Fprintf(s.Out, "  the key before it is kept in %s\n", r.Kept)
	}
	t := newTable(s.Out, "MANAGER", "TOOK THE KEY")
	for _, m := range r.Managers {
		t.row(m.Hostname, takenWords(m.State))
	}
	return t.flush()
}

func takenWords(state string) string {
	switch state {
	case keyring.TakenProven:
		return "yes: the new key opens its node key"
	case keyring.TakenAssumed:
		return "assumed: it stayed reachable; its node key is not at hand"
	case keyring.TakenMissed:
		return "no: it cannot be reached, and needs the old key"
	}
	return "no: its node key does not open with it"
}

// remind tells of places that go on holding the old key.
func (o *keyRotateOptions) remind(s *Streams, cfg config.Config, r *keyring.Rotation) {
	if file := o.heldIn(cfg); file != "" && r.KeyFile == "" {
		fmt.Fprintf(s.Err, "note: %s still holds the key from before; --replace-key-file would have replaced it\n", file)
	}
	if o.command != "" || len(cfg.UnlockKeyCommand) > 0 {
		fmt.Fprintln(s.Err, "note: see to it that the unlock key command prints the new key: `swarmdr key check`")
	}
}
