package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

type snapshotListOptions struct {
	snapshotOptions
	long bool
}

func newSnapshotListCommand(s *Streams) *cobra.Command {
	o := snapshotListOptions{}
	c := &cobra.Command{
		Use:   "list [PREFIX]",
		Short: "List the snapshots in a store",
		Long: `List the complete snapshots in a store whose names begin with PREFIX. Names are
CLUSTER/NODE/TIME. Nothing is read but the names and sizes; with --long each
manifest is, and its signature is checked.
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
	c.Flags().BoolVarP(&o.long, "long", "l", false, "read the manifests too")
	return c
}

func runSnapshotList(ctx context.Context, s *Streams, o *snapshotListOptions, prefix string) error {
	lib, err := o.openLibrary()
	if err != nil {
		return err
	}
	entries, err := complete(ctx, lib, prefix)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		fmt.Fprintf(s.Err, "no snapshots in %s\n", lib.URL())
	}
	if !o.long {
		return printEntries(s, entries, o.json())
	}
	manifests, bad := loadAll(ctx, lib, names(entries))
	return errors.Join(printSnapshots(s, manifests, o.json()), bad)
}

// complete are the entries that are snapshots.
func complete(ctx context.Context, lib *library, prefix string) ([]snapshot.Entry, error) {
	all, err := snapshot.Entries(ctx, lib.Store, prefix)
	if err != nil {
		return nil, err
	}
	entries := []snapshot.Entry{}
	for _, e := range all {
		if e.Manifest {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

func names(entries []snapshot.Entry) []snapshot.Name {
	var names []snapshot.Name
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names
}

// loadAll loads what can be loaded: one manifest that is damaged or planted
// must not hide the others.
func loadAll(ctx context.Context, lib *library, names []snapshot.Name) ([]*snapshot.Manifest, error) {
	manifests, bad := []*snapshot.Manifest{}, error(nil)
	for _, l := range snapshot.LoadAll(ctx, lib.Store, names, lib.trusted) {
		if l.Err != nil {
			bad = errors.Join(bad, l.Err)
			continue
		}
		manifests = append(manifests, l.Manifest)
	}
	return manifests, bad
}

func printEntries(s *Streams, entries []snapshot.Entry, asJSON bool) error {
	if asJSON {
		return writeJSON(s.Out, entries)
	}
	t := newTable(s.Out, "NAME", "AGE", "SIZE", "NOTES")
	for _, e := range entries {
		t.row(e.Name, age(e.Name.Time()), kib(e.Size), strings.Join(notes(e), ", "))
	}
	return t.flush()
}

func notes(e snapshot.Entry) []string {
	var notes []string
	for _, n := range []struct {
		is   bool
		what string
	}{{!e.Archive, "no archive"}, {e.Bad, "bad"}, {e.Protected, "protected"}} {
		if n.is {
			notes = append(notes, n.what)
		}
	}
	return notes
}

func printSnapshots(s *Streams, manifests []*snapshot.Manifest, asJSON bool) error {
	if asJSON {
		return writeJSON(s.Out, manifests)
	}
	t := newTable(s.Out, "NAME", "HOST", "MODE", "AGE", "SIZE", "INDEX", "SERVICES", "SECRETS", "CONFIGS", "UNLOCK KEY")
	for _, m := range manifests {
		c := m.Contents
		t.row(m.Name, m.Hostname, m.Mode, age(m.Created), kib(m.SealedSize),
			c.Index, c.Objects["service"], c.Objects["secret"], c.Objects["config"], keyColumn(c))
	}
	return t.flush()
}

func age(at time.Time) time.Duration { return time.Since(at).Round(time.Second) }

func kib(bytes int64) string { return fmt.Sprintf("%d KiB", (bytes+1023)>>10) }

func keyColumn(c snapshot.Contents) string {
	if !c.Autolock {
		return "none needed"
	}
	return c.KeyFingerprint
}
