package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/config"
	"github.com/swarmdr/swarmdr/internal/engine"
	"github.com/swarmdr/swarmdr/internal/keyring"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

type keyEscrowOptions struct {
	configOptions
	hostOptions
	keyOptions
	recipientOptions
	outOption
	outputOptions
	dir string
}

func newKeyEscrowCommand(s *Streams) *cobra.Command {
	o := keyEscrowOptions{}
	c := &cobra.Command{
		Use:   "escrow",
		Short: "Seal the unlock key to age recipients, in a new file",
		Long: `Seal the swarm's unlock key to age recipients, in a new file (0600, never
overwritten), and read that back. In a directory that --out names the file is
called after the key's fingerprint. Whoever holds one of their identities opens it:
with ` + "`swarmdr key open`" + `, or without swarmdr, with age -d -i identity.txt FILE;
either prints the key as Docker does. Nobody else can, this host included.

The key is asked of the living swarm, as docker swarm unlock-key does. One that is
given, by --unlock-key-file or --unlock-key-command, is sealed only if it is the
swarm's, or opens the node key of this manager or of --dir: that is how to escrow
the key of an older copy.

The file is noted, by the key's fingerprint, in the history in the state
directory.
` + exitHelp,
		Example: `  swarmdr key escrow --recipients-file /etc/swarmdr/recipients.txt --out /root/unlock-key.age
  swarmdr key escrow --unlock-key-file /root/old.key --dir /mnt/copy/swarm -R /etc/swarmdr/recipients.txt --out /root/old-key.age`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.Validate(); err != nil {
				return err
			}
			return runKeyEscrow(c.Context(), s, &o)
		},
	}
	o.configOptions.AddFlags(c)
	o.hostOptions.AddFlags(c)
	o.keyOptions.AddFlags(c)
	o.recipientOptions.AddFlags(c)
	o.outOption.AddFlags(c)
	o.outputOptions.AddFlags(c)
	c.Flags().StringVar(&o.dir, "dir", "", "swarm `DIRECTORY` that a given key must open (default: that of this manager)")
	return c
}

func (o *keyEscrowOptions) Validate() error {
	if o.out == "" {
		return usagef("no --out: where to write the escrow to")
	}
	return o.outputOptions.Validate()
}

// proven is a key that is the swarm's, and what says so. Version is the
// kek-version of the node key, or the version of the living cluster.
type proven struct {
	key       unlock.Key
	clusterID string
	version   uint64
	living    bool // the swarm says so itself
	by        string
}

func runKeyEscrow(ctx context.Context, s *Streams, o *keyEscrowOptions) error {
	cfg, err := o.load()
	if err != nil {
		return err
	}
	recipients, err := o.recipientOptions.read(cfg)
	if err != nil {
		return err
	}
	if err := unlock.CheckRecipients(recipients); err != nil {
		return usageError{err}
	}
	p, err := o.prove(ctx, s, cfg)
	if err != nil {
		return err
	}
	lock, err := lockNewState(ctx, cfg)
	if err != nil {
		return err
	}
	defer lock.Close()
	path := o.target(keyring.EscrowName(p.key))
	if err := keyring.Escrow(path, p.key, recipients); err != nil {
		return notOverwritten(path, err)
	}
	if err := noteEscrow(cfg, p, path); err != nil {
		return fmt.Errorf("%s is written; note it: %w", path, err)
	}
	if o.json() {
		return writeJSON(s.Out, map[string]any{
			"file": path, "fingerprint": p.key.Fingerprint(), "recipients": recipients, "cluster_id": p.clusterID, "proven_by": p.by,
		})
	}
	_, err = fmt.Fprintf(s.Out, "%s: the unlock key %s, sealed to %d recipients and read back\n  %s\n", path, p.key.Fingerprint(), len(recipients), p.by)
	return err
}

func (o *keyEscrowOptions) given() bool { return o.keyOptions.file != "" || o.command != "" }

// prove gets the key, and finds out that it is the swarm's.
func (o *keyEscrowOptions) prove(ctx context.Context, s *Streams, cfg config.Config) (*proven, error) {
	host := o.hostOptions.resolve(cfg)
	living, asked := askSwarm(ctx, host, "")
	if !o.given() {
		if asked != nil {
			return nil, fmt.Errorf("ask the swarm for its unlock key: %w", asked)
		}
		if living.key.IsZero() {
			return nil, engine.ErrNoAutolock
		}
		return living.proven(), nil
	}
	key, err := o.keyOptions.read(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if asked == nil && living.key.Equal(key) && o.dir == "" {
		return living.proven(), nil
	}
	p, err := o.proveByDir(ctx, cfg, host, key)
	if err == nil && asked == nil && living.clusterID == p.clusterID && !living.key.Equal(key) {
		fmt.Fprintf(s.Err, "note: this is an older key: the swarm has %s\n", living.known.Fingerprint)
	}
	return p, err
}

func (l *swarmKey) proven() *proven {
	return &proven{l.key, l.clusterID, l.known.Version, true, "it is what the swarm has as its unlock key now"}
}

func (o *keyEscrowOptions) proveByDir(ctx context.Context, cfg config.Config, host string, key unlock.Key) (*proven, error) {
	dir, err := thisDir(ctx, cfg, host, o.dir)
	if err != nil {
		return nil, err
	}
	src := os.DirFS(dir)
	file, info, err := readNodeKey(src)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if !info.Locked {
		return nil, fmt.Errorf("%s is not locked: %w", dir, errUnproven)
	}
	if _, err := unlock.OpenNodeKey(file, key); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return &proven{key, clusterOf(src), info.KEKVersion, false, "it opens " + filepath.Join(dir, nodeKeyFile)}, nil
}

var errUnproven = errors.New("nothing tells whose unlock key this is")

// noteEscrow enters the file into the history.
func noteEscrow(cfg config.Config, p *proven, path string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	h, err := keyring.Load(cfg.StateDir)
	if err != nil {
		return err
	}
	note := h.NoteOld
	if p.living {
		note = h.Note
	}
	e := h.Find(p.clusterID, p.key.Fingerprint())
	if e == nil || p.living {
		e = note(p.clusterID, p.key.Fingerprint(), p.version, time.Now())
	}
	e.Escrowed(abs)
	return h.Save(cfg.StateDir)
}
