package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

func newSnapshotProtectCommand(s *Streams) *cobra.Command {
	o, reason := snapshotOptions{}, ""
	c := &cobra.Command{
		Use:   "protect NAME|latest",
		Short: "Let a snapshot stay whatever the retention says",
		Long: `Put a keep marker beside a snapshot: snapshot expire lets it stay until snapshot
unprotect. It holds nobody off who can delete in the store: locks of a bucket do
that.
` + exitHelp,
		Example:           `  swarmdr snapshot protect latest --reason "before the upgrade"`,
		Args:              oneArg("the name of one snapshot, or latest"),
		ValidArgsFunction: completeName(&o),
		RunE: func(c *cobra.Command, args []string) error {
			return runMark(c.Context(), s, &o, args[0], "protected", func(ctx context.Context, store snapshot.Store, name snapshot.Name) error {
				return snapshot.Protect(ctx, store, name, reason, person())
			})
		},
	}
	o.AddFlags(c)
	c.Flags().StringVar(&reason, "reason", "", "why, for those who ask later")
	return c
}

func newSnapshotUnprotectCommand(s *Streams) *cobra.Command {
	o := snapshotOptions{}
	c := &cobra.Command{
		Use:               "unprotect NAME|latest",
		Short:             "Let the retention have a protected snapshot",
		Long:              "Remove the keep marker of a snapshot; none is no error.\n" + exitHelp,
		Example:           "  swarmdr snapshot unprotect latest",
		Args:              oneArg("the name of one snapshot, or latest"),
		ValidArgsFunction: completeName(&o),
		RunE: func(c *cobra.Command, args []string) error {
			return runMark(c.Context(), s, &o, args[0], "not protected", snapshot.Unprotect)
		},
	}
	o.AddFlags(c)
	return c
}

func runMark(ctx context.Context, s *Streams, o *snapshotOptions, ref, state string, mark func(context.Context, snapshot.Store, snapshot.Name) error) error {
	_, store, err := o.openStore()
	if err != nil {
		return err
	}
	name, err := snapshot.Find(ctx, store, ref)
	if err != nil {
		return err
	}
	if err := mark(ctx, store, name); err != nil {
		return err
	}
	if o.json() {
		return writeJSON(s.Out, map[string]any{"name": name, "state": state})
	}
	_, err = fmt.Fprintf(s.Out, "%s: %s\n", name, state)
	return err
}
