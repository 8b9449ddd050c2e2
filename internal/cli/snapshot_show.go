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

func newSnapshotShowCommand(s *Streams) *cobra.Command {
	o := snapshotOptions{}
	c := &cobra.Command{
		Use:   "show NAME|latest",
		Short: "Show what a snapshot holds",
		Long: `Show the manifest of a snapshot: of which manager and moment it is, what it
holds, which unlock key opens it, whose identities do, and who signed it. The
archive is not read. NAME may be any part that occurs in one name.
` + exitHelp,
		Example: `  swarmdr snapshot show latest
  swarmdr snapshot show latest -o json`,
		Args:              oneArg("the name of one snapshot, or latest"),
		ValidArgsFunction: completeName(&o),
		RunE:              func(c *cobra.Command, args []string) error { return runSnapshotShow(c.Context(), s, &o, args[0]) },
	}
	o.AddFlags(c)
	return c
}

// shown is a manifest, and what stands beside it in the store.
type shown struct {
	*snapshot.Manifest
	SignedBy    string           `json:"signed_by,omitempty"`
	Protected   *snapshot.Marker `json:"protected,omitempty"`
	Bad         *snapshot.Marker `json:"bad,omitempty"`
	LockedUntil time.Time        `json:"locked_until,omitzero"`
}

func runSnapshotShow(ctx context.Context, s *Streams, o *snapshotOptions, ref string) error {
	lib, err := o.openLibrary()
	if err != nil {
		return err
	}
	l, err := lib.find(ctx, ref)
	if err != nil {
		return err
	}
	d := shown{Manifest: l.Manifest, SignedBy: l.SignedBy}
	if err := d.lookAround(ctx, lib.Store); err != nil {
		return err
	}
	if o.json() {
		return writeJSON(s.Out, d)
	}
	return d.print(s)
}

func (d *shown) lookAround(ctx context.Context, store snapshot.Store) error {
	kept, err := snapshot.Protections(ctx, store, string(d.Name))
	failed, badErr := snapshot.Failures(ctx, store, string(d.Name))
	if len(kept) > 0 {
		d.Protected = &kept[0]
	}
	if len(failed) > 0 {
		d.Bad = &failed[0]
	}
	if err := errors.Join(err, badErr); err != nil {
		return err
	}
	locks, ok := store.(snapshot.Locker)
	if !ok {
		return nil
	}
	d.LockedUntil, err = locks.LockedUntil(ctx, d.Name.Archive())
	if errors.Is(err, snapshot.ErrNotExist) { // list says so, and verify
		return nil
	}
	return err
}

func (d *shown) print(s *Streams) error {
	c := d.Contents
	fmt.Fprintln(s.Out, d.Name)
	t := newTable(s.Out, "", "")
	t.row("  manager", fmt.Sprintf("%s, node %s, %s", d.Hostname, c.NodeID, c.Address))
	t.row("  engine", d.Engine)
	t.row("  cluster", c.ClusterID)
	t.row("  taken", fmt.Sprintf("%s, %s ago, %s", d.Created.Format(time.RFC3339), age(d.Created), d.mode()))
	t.row("  log", fmt.Sprintf("index %d of term %d, %d voters", c.Index, c.Term, c.Voters))
	t.row("  objects", counts(c.Objects))
	t.row("  unlock key", keyColumn(c))
	t.row("  certificate", "until "+c.CertificateExpires.Format(time.RFC3339))
	t.row("  archive", fmt.Sprintf("%s of %d files, SHA-256 %s", kib(d.SealedSize), len(d.Files), d.SealedSHA256))
	t.row("  sealed to", strings.Join(d.Recipients, ", "))
	t.row("  signed by", d.signature())
	if d.Protected != nil {
		t.row("  protected", note(d.Protected))
	}
	if d.Bad != nil {
		t.row("  bad", note(d.Bad))
	}
	if !d.LockedUntil.IsZero() {
		t.row("  locked", "until "+d.LockedUntil.Format(time.RFC3339))
	}
	return t.flush()
}

func (d *shown) mode() string {
	if d.Mode == snapshot.Hot {
		return "hot"
	}
	return fmt.Sprintf("cold, the engine was down for %.1f s", float64(d.DownMS)/1000)
}

func (d *shown) signature() string {
	if d.SignedBy == "" {
		return "not checked: no trusted_signers in the configuration"
	}
	return d.SignedBy
}

func note(m *snapshot.Marker) string {
	return fmt.Sprintf("%s (%s, %s)", m.Reason, m.By, m.At.Format(time.RFC3339))
}
