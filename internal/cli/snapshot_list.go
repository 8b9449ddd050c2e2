package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

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
