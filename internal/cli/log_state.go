package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// allKinds stands for every kind of object on the command line.
const allKinds = "all"

type logStateOptions struct {
	logOptions
	at        string
	committed bool
}

func newLogStateCommand(s *Streams) *cobra.Command {
	o := logStateOptions{logOptions: logOptions{outputOptions: outputOptions{more: []string{"yaml"}}}}
	c := &cobra.Command{
		Use:   "state [KIND [NAME]]",
		Short: "Show the objects of the swarm after replaying the log",
		Long: `Replay a manager's raft log, and show how many objects of each kind there are,
the objects of one KIND, in the singular or plural, or all of them, or those of
one NAME, id or beginning of an id.

The whole log counts: acknowledged writes lie beyond the commit index on disk.
--committed stops there. --at shows the state of an earlier moment.

` + momentHelp + `

With -o json or yaml the objects are as the swarm keeps them. Secrets are
redacted unless asked for.
` + exitHelp,
		Example: `  swarmdr log state
  swarmdr log state services --dir /var/lib/docker/swarm
  swarmdr log state service web -o yaml --at "2026-11-21 14:02"
  swarmdr log state secret db-pass -o json --snapshot latest -i /root/identity.txt`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 2 {
				return usagef("want KIND and NAME at most, got %d arguments", len(args))
			}
			return nil
		},
		ValidArgsFunction: completeKind,
		RunE: func(c *cobra.Command, args []string) error {
			src, log, err := o.openLog(c.Context())
			if err != nil {
				return err
			}
			return closeAfter(src, runLogState(s, log, args, &o))
		},
	}
	o.AddFlags(c)
	c.Flags().StringVar(&o.at, "at", "", "the state at this `INDEX|TIME` (default: the end of the log)")
	c.Flags().BoolVar(&o.committed, "committed", false, "leave out the tail beyond the commit index on disk")
	return c
}

// completeKind offers no names: they cost a key and a replay.
func completeKind(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return append(kindNames(), allKinds), cobra.ShellCompDirectiveNoFileComp
}

func kindNames() []string {
	var names []string
	for _, k := range raftlog.Kinds() {
		names = append(names, string(k))
	}
	return names
}

func runLogState(s *Streams, log *raftlog.Log, args []string, o *logStateOptions) error {
	of, err := parseSelection(args)
	if err != nil {
		return err
	}
	at, err := parseMoment(o.at, time.Now())
	if err != nil {
		return err
	}
	through, err := at.resolve(log)
	if err != nil {
		return err
	}
	state, err := log.State(raftlog.StateOptions{Through: through, CommittedOnly: o.committed})
	if err != nil {
		return err
	}
	noteTorn(s, log)
	if len(args) == 0 {
		return stateSummary(s, log, state, &o.outputOptions)
	}
	objects, err := of.take(state)
	if err != nil {
		return err
	}
	if o.json() || o.yaml() {
		return objectTrees(s.Out, objects, o)
	}
	return objectTable(s.Out, state, of.kinds, objects)
}

// selection are the objects that a command line names.
type selection struct {
	kinds []raftlog.Kind
	name  string
}

func parseSelection(args []string) (selection, error) {
	of := selection{kinds: raftlog.Kinds()}
	if len(args) > 1 {
		of.name = args[1]
	}
	if len(args) == 0 || args[0] == allKinds {
		return of, nil
	}
	kind := raftlog.Kind(strings.TrimSuffix(args[0], "s"))
	if !slices.Contains(of.kinds, kind) {
		return of, usagef("unknown kind %q: one of %s or %s", args[0], strings.Join(kindNames(), ", "), allKinds)
	}
	of.kinds = []raftlog.Kind{kind}
	return of, nil
}

// take finds objects by their name, their id or the beginning of it.
func (of selection) take(state *raftlog.State) ([]raftlog.Object, error) {
	var objects []raftlog.Object
	for _, kind := range of.kinds {
		objects = append(objects, state.OfKind(kind)...)
	}
	if of.name == "" {
		return objects, nil
	}
	objects = slices.DeleteFunc(objects, func(o raftlog.Object) bool {
		return o.Name != of.name && !strings.HasPrefix(o.ID, of.name)
	})
	if len(objects) == 0 {
		return nil, fmt.Errorf("no %s %q in the log", of.what(), of.name)
	}
	return objects, nil
}

func (of selection) what() string {
	if len(of.kinds) == 1 {
		return string(of.kinds[0])
	}
	return "object"
}
