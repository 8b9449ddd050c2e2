package cli

import (
	"bufio"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// exitDiffers is told apart from every failure.
const exitDiffers = 8

type logDiffOptions struct {
	logOptions
	all      bool
	exitCode bool
	kinds    []string
	stack    string
}

func newLogDiffCommand(s *Streams) *cobra.Command {
	o := logDiffOptions{}
	c := &cobra.Command{
		Use:   "diff A [B]",
		Short: "Show what changed between two states of the swarm",
		Long: `Compare two states of the swarm: the objects added, removed and changed, those
field by field. A and B each name a state:

  INDEX|TIME           in the log of --dir, --snapshot or this manager
  DIRECTORY            the end of the log in that swarm directory
  NAME, or latest      the end of the log in that snapshot
  SOURCE@INDEX|TIME    a moment in the log of such a directory or snapshot

B defaults to the end of the log: the one of A where A is SOURCE@INDEX|TIME, else
that of --dir, --snapshot or this manager.

` + momentHelp + `

Left out is what a swarm changes by itself: versions and times; tasks, of which
only the number that runs is told for each service; of a node its state, its
certificate and its addresses in networks; of a service its endpoint, the progress
of updates and its previous specification; of the cluster the keys that encrypt
network traffic, changed twice a day, and the certificates of removed nodes; of a
volume where it is published. --all shows it. --kind task shows the tasks that
came and went.

Secrets are redacted unless asked for: of a changed one the change is told.
` + exitHelp + `  8    with --exit-code: there are differences
`,
		Example: `  swarmdr log diff "2026-11-21 14:02"
  swarmdr log diff 4711 4720 --dir /var/lib/docker/swarm --all
  swarmdr log diff latest -i /root/identity.txt
  swarmdr log diff /mnt/old/swarm /mnt/new/swarm --stack shop --exit-code
  swarmdr log diff /mnt/old/swarm@90m -o json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 2 {
				return usagef("want two states, or one and the end of the log, got %d arguments", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return runLogDiff(c.Context(), s, args, &o) },
	}
	o.AddFlags(c)
	return c
}

func (o *logDiffOptions) AddFlags(c *cobra.Command) {
	o.logOptions.AddFlags(c)
	c.Flags().BoolVar(&o.all, "all", false, "show also what a swarm changes by itself")
	c.Flags().BoolVar(&o.exitCode, "exit-code", false, "exit with 8 if there are differences")
	c.Flags().StringArrayVar(&o.kinds, "kind", nil, "only objects of this `KIND` (repeatable)")
	c.Flags().StringVar(&o.stack, "stack", "", "only objects of the stack of this `NAME`")
	must(c.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(kindNames(), cobra.ShellCompDirectiveNoFileComp)))
}

// compared are the kinds of objects that are looked at.
func (o *logDiffOptions) compared() ([]raftlog.Kind, error) {
	var kinds []raftlog.Kind
	for _, name := range o.kinds {
		kind := raftlog.Kind(strings.TrimSuffix(name, "s"))
		if !slices.Contains(raftlog.Kinds(), kind) {
			return nil, usagef("unknown kind %q: one of %s", name, strings.Join(kindNames(), ", "))
		}
		kinds = append(kinds, kind)
	}
	if len(kinds) == 0 {
		kinds = slices.DeleteFunc(raftlog.Kinds(), func(k raftlog.Kind) bool { return k == raftlog.KindTask && !o.all })
	}
	return kinds, nil
}

func runLogDiff(ctx context.Context, s *Streams, args []string, o *logDiffOptions) error {
	kinds, err := o.compared()
	if err != nil {
		return err
	}
	if err := o.outputOptions.Validate(); err != nil {
		return err
	}
	points, err := parsePoints(args)
	if err != nil {
		return err
	}
	d := &difference{s: s, o: o, kinds: kinds}
	if err := d.load(ctx, points); err != nil {
		return err
	}
	out := bufio.NewWriter(s.Out)
	p := d.printer(out)
	if err := errors.Join(d.print(p), out.Flush()); err != nil {
		return err
	}
	if o.exitCode && d.found {
		return exitStatus{exitDiffers}
	}
	return nil
}
