package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

type snapshotCopyOptions struct {
	snapshotOptions
	to  storeOptions
	all bool
}

func newSnapshotCopyCommand(s *Streams) *cobra.Command {
	o := snapshotCopyOptions{}
	c := &cobra.Command{
		Use:   "copy [NAME|latest] --to URL",
		Short: "Copy snapshots to another store",
		Long: `Copy a snapshot, or with --all every one, from a store to another as it is,
sealed and signed, and read it back there. What is there already is compared,
not written again.
` + exitHelp,
		Example: `  swarmdr snapshot copy latest --to file:///mnt/usb/swarm
  swarmdr snapshot copy --all --store s3://swarm-backups/prod --to file:///mnt/usb/swarm`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeName(&o.snapshotOptions),
		RunE:              func(c *cobra.Command, args []string) error { return runSnapshotCopy(c.Context(), s, &o, args) },
	}
	o.AddFlags(c)
	c.Flags().StringArrayVar(&o.to.urls, "to", nil, "`URL` of the store to copy to (repeatable)")
	c.Flags().BoolVar(&o.all, "all", false, "copy every snapshot")
	must(c.MarkFlagRequired("to"))
	return c
}

// copied tells of one snapshot and one store.
type copied struct {
	Name  snapshot.Name `json:"name"`
	To    string        `json:"to"`
	Error string        `json:"error,omitempty"`
}

func runSnapshotCopy(ctx context.Context, s *Streams, o *snapshotCopyOptions, args []string) error {
	if o.all == (len(args) == 1) {
		return usagef("want the name of one snapshot, or latest, or --all")
	}
	lib, err := o.openLibrary()
	if err != nil {
		return err
	}
	targets, err := o.to.openAll(lib.cfg)
	if err != nil {
		return err
	}
	chosen, err := lib.choose(ctx, args)
	if err != nil {
		return err
	}
	results, failed := []copied{}, error(nil)
	for _, to := range targets {
		for _, name := range chosen {
			err := snapshot.Copy(ctx, lib.Store, to, name, lib.trusted)
			results = append(results, copied{name, to.URL(), text(err)})
			failed = errors.Join(failed, err)
			if ctx.Err() != nil {
				return failed
			}
		}
	}
	return errors.Join(printCopied(s, results, o.json()), failed)
}

// choose finds one snapshot, or all for no ref.
func (l *library) choose(ctx context.Context, refs []string) ([]snapshot.Name, error) {
	if len(refs) == 0 {
		return snapshot.List(ctx, l.Store, "")
	}
	name, err := snapshot.Find(ctx, l.Store, refs[0])
	return []snapshot.Name{name}, err
}

func printCopied(s *Streams, results []copied, asJSON bool) error {
	if asJSON {
		return writeJSON(s.Out, results)
	}
	for _, r := range results {
		if r.Error == "" {
			fmt.Fprintf(s.Out, "%s: stored in %s\n", r.Name, r.To)
		}
	}
	return nil
}

func newSnapshotDrainCommand(s *Streams) *cobra.Command {
	o := snapshotOptions{}
	c := &cobra.Command{
		Use:   "drain",
		Short: "Deliver what the spool keeps",
		Long: `Copy the snapshots in the spool to every store, and remove from the spool what
all of them have. Each backup does this too.
` + exitHelp,
		Example: "  swarmdr snapshot drain",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return runSnapshotDrain(c.Context(), s, &o) },
	}
	o.AddFlags(c)
	return c
}

func runSnapshotDrain(ctx context.Context, s *Streams, o *snapshotOptions) error {
	lib, err := o.openLibrary()
	if err != nil {
		return err
	}
	stores, err := o.storeOptions.openAll(lib.cfg)
	if err != nil {
		return err
	}
	lock, err := lockState(ctx, lib.cfg)
	if err != nil {
		return err
	}
	defer lock.Close()
	deliveries, failed := snapshot.Drain(ctx, openSpool(lib.cfg), stores, lib.trusted)
	results := []copied{}
	for _, d := range deliveries {
		for _, name := range d.Copied {
			results = append(results, copied{Name: name, To: d.URL})
		}
	}
	return errors.Join(printCopied(s, results, o.json()), failed)
}
