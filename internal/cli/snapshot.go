package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/config"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

func newSnapshotCommand(s *Streams) *cobra.Command {
	return group("snapshot", "List and verify stored snapshots", newSnapshotListCommand(s), newSnapshotVerifyCommand(s))
}

// snapshotOptions are those of every command about stored snapshots.
type snapshotOptions struct {
	configOptions
	storeOptions
	outputOptions
}

func (o *snapshotOptions) AddFlags(c *cobra.Command) {
	o.configOptions.AddFlags(c)
	o.storeOptions.AddFlags(c)
	o.outputOptions.AddFlags(c)
}

func (o *snapshotOptions) openStore() (config.Config, snapshot.Store, error) {
	if err := o.outputOptions.Validate(); err != nil {
		return config.Config{}, nil, err
	}
	cfg, err := o.load()
	if err != nil {
		return cfg, nil, err
	}
	store, err := o.storeOptions.open(cfg)
	return cfg, store, err
}

func newSnapshotListCommand(s *Streams) *cobra.Command {
	o := snapshotOptions{}
	c := &cobra.Command{
		Use:   "list [PREFIX]",
		Short: "List the snapshots in a store",
		Long: `List the complete snapshots in a store whose names begin with PREFIX. Names are
CLUSTER/NODE/TIME.
` + exitHelp,
		Example: "  swarmdr snapshot list --store file:///var/lib/swarmdr/snapshots -o json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			prefix := ""
			if len(args) > 0 {
				prefix = args[0]
			}
			return runSnapshotList(c.Context(), s, &o, prefix)
		},
	}
	o.AddFlags(c)
	return c
}

func runSnapshotList(ctx context.Context, s *Streams, o *snapshotOptions, prefix string) error {
	cfg, store, err := o.openStore()
	if err != nil {
		return err
	}
	names, err := snapshot.List(ctx, store, prefix)
	if err != nil {
		return err
	}
	trusted, err := trustedSigners(cfg)
	if err != nil {
		return err
	}
	manifests, bad := loadAll(ctx, store, names, trusted)
	if len(names) == 0 {
		fmt.Fprintf(s.Err, "no snapshots in %s\n", store.URL())
	}
	return errors.Join(printSnapshots(s, manifests, o.json()), bad)
}

// loadAll loads what can be loaded: one manifest that is damaged or planted
// must not hide the others.
func loadAll(ctx context.Context, store snapshot.Store, names []snapshot.Name, trusted []string) ([]*snapshot.Manifest, error) {
	manifests, bad := []*snapshot.Manifest{}, error(nil)
	for _, name := range names {
		m, _, err := snapshot.Load(ctx, store, name, trusted)
		if err != nil {
			bad = errors.Join(bad, err)
			continue
		}
		manifests = append(manifests, m)
	}
	return manifests, bad
}

func printSnapshots(s *Streams, manifests []*snapshot.Manifest, asJSON bool) error {
	if asJSON {
		return writeJSON(s.Out, manifests)
	}
	t := newTable(s.Out, "NAME", "HOST", "MODE", "AGE", "SIZE", "INDEX", "SERVICES", "SECRETS", "CONFIGS", "UNLOCK KEY")
	for _, m := range manifests {
		c := m.Contents
		t.row(m.Name, m.Hostname, m.Mode, time.Since(m.Created).Round(time.Second), fmt.Sprintf("%d KiB", (m.SealedSize+1023)>>10),
			c.Index, c.Objects["service"], c.Objects["secret"], c.Objects["config"], keyColumn(c))
	}
	return t.flush()
}

func keyColumn(c snapshot.Contents) string {
	if !c.Autolock {
		return "none needed"
	}
	return c.KeyFingerprint
}

func newSnapshotVerifyCommand(s *Streams) *cobra.Command {
	o := snapshotOptions{}
	ids, keys := identityOptions{}, keyOptions{}
	c := &cobra.Command{
		Use:   "verify NAME|latest",
		Short: "Check that a snapshot can be restored from",
		Long: `Check a stored snapshot: manifest, signature and digest; and with an identity
everything else: open it, compare each file, decrypt and replay the log, compare
the objects with the manifest. NAME may be any part that occurs in one name.
` + exitHelp,
		Example: `  swarmdr snapshot verify latest
  swarmdr snapshot verify latest -i /root/identity.txt --unlock-key-file /root/unlock.key`,
		Args: exactArgs(1, "the name of one snapshot, or latest"),
		RunE: func(c *cobra.Command, args []string) error {
			v := verifier{s: s, o: &o, ids: &ids, keys: &keys}
			return v.run(c.Context(), args[0])
		},
	}
	o.AddFlags(c)
	ids.AddFlags(c)
	keys.AddFlags(c)
	return c
}

type verifier struct {
	s    *Streams
	o    *snapshotOptions
	ids  *identityOptions
	keys *keyOptions
}

// verdict is the answer of snapshot verify. Replayed says that the log was
// decrypted and replayed.
type verdict struct {
	Name     snapshot.Name     `json:"name"`
	Created  time.Time         `json:"created"`
	SignedBy string            `json:"signed_by,omitempty"`
	Replayed bool              `json:"replayed"`
	Contents snapshot.Contents `json:"contents"`
}

func (v *verifier) run(ctx context.Context, ref string) error {
	cfg, store, err := v.o.openStore()
	if err != nil {
		return err
	}
	ids, err := v.ids.read()
	if err != nil {
		return err
	}
	key, err := v.keys.read(ctx, cfg)
	if err != nil {
		return err
	}
	name, err := snapshot.Find(ctx, store, ref)
	if err != nil {
		return err
	}
	trusted, err := trustedSigners(cfg)
	if err != nil {
		return err
	}
	m, signedBy, err := snapshot.Load(ctx, store, name, trusted)
	if err != nil {
		return err
	}
	if ids == nil {
		err = snapshot.Check(ctx, store, m)
	} else {
		err = v.full(ctx, store, m, ids, key)
	}
	if err != nil {
		return err
	}
	return v.print(verdict{name, m.Created, signedBy, ids != nil, m.Contents})
}

func (v *verifier) full(ctx context.Context, store snapshot.Store, m *snapshot.Manifest, ids *snapshot.Identities, key unlock.Key) error {
	if err := keyFits(m, key); err != nil {
		return err
	}
	opened, err := snapshot.Fetch(ctx, store, m, ids, os.TempDir())
	if err != nil {
		return err
	}
	defer opened.Close()
	return snapshot.ProveManifest(opened, m, key)
}

func (v *verifier) print(d verdict) error {
	if v.o.json() {
		return writeJSON(v.s.Out, d)
	}
	fmt.Fprintf(v.s.Out, "%s: good\n", d.Name)
	if d.SignedBy != "" {
		fmt.Fprintf(v.s.Out, "  signed by %s\n", d.SignedBy)
	} else {
		fmt.Fprintln(v.s.Out, "  signature not checked: no trusted_signers in the configuration")
	}
	c := d.Contents
	if !d.Replayed {
		_, err := fmt.Fprintln(v.s.Out, "  digest as in the manifest; not opened: no --identity given")
		return err
	}
	_, err := fmt.Fprintf(v.s.Out, "  opened, decrypted and replayed to index %d: %d services, %d secrets, %d configs, %d networks, %d nodes\n",
		c.Index, c.Objects["service"], c.Objects["secret"], c.Objects["config"], c.Objects["network"], c.Objects["node"])
	return err
}
