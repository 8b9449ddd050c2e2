package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

func newLogStateCommand(s *Streams) *cobra.Command {
	o := logOptions{}
	committed := false
	c := &cobra.Command{
		Use:   "state [KIND [NAME]]",
		Short: "Show the objects of the swarm after replaying the log",
		Long: `Replay a manager's raft log, and show how many objects of each kind there are,
the objects of one KIND, or one object. The whole log counts: acknowledged
writes lie beyond the commit index on disk. --committed stops there.

Secrets are redacted unless asked for.
` + exitHelp,
		Example: `  swarmdr log state
  swarmdr log state service --dir /var/lib/docker/swarm
  swarmdr log state secret db-pass -o json --snapshot latest -i /root/identity.txt`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 2 {
				return usagef("want KIND and NAME at most, got %d arguments", len(args))
			}
			return nil
		},
		ValidArgs: kindNames(),
		RunE: func(c *cobra.Command, args []string) error {
			src, log, err := o.openLog(c.Context())
			if err != nil {
				return err
			}
			return closeAfter(src, runLogState(s, log, args, committed, &o))
		},
	}
	o.AddFlags(c)
	c.Flags().BoolVar(&committed, "committed", false, "leave out the tail beyond the commit index on disk")
	return c
}

func kindNames() []string {
	var names []string
	for _, k := range raftlog.Kinds() {
		names = append(names, string(k))
	}
	return names
}

func runLogState(s *Streams, log *raftlog.Log, args []string, committed bool, o *logOptions) error {
	state, err := log.State(raftlog.StateOptions{CommittedOnly: committed})
	if err != nil {
		return err
	}
	noteTorn(s, log)
	if len(args) == 0 {
		return stateSummary(s, log, state, o.json())
	}
	objects, err := selectObjects(state, args)
	if err != nil {
		return err
	}
	if o.json() {
		return objectsJSON(s, objects, o.reveal)
	}
	t := newTable(s.Out, "KIND", "ID", "NAME")
	for _, object := range objects {
		t.row(object.Kind, object.ID, object.Name)
	}
	return t.flush()
}

// selectObjects takes kinds in the singular or plural, and names, ids or
// prefixes of ids.
func selectObjects(state *raftlog.State, args []string) ([]raftlog.Object, error) {
	kind := strings.TrimSuffix(args[0], "s")
	if !slices.Contains(kindNames(), kind) {
		return nil, usagef("unknown kind %q: one of %s", args[0], strings.Join(kindNames(), ", "))
	}
	objects := slices.DeleteFunc(state.Objects(), func(o raftlog.Object) bool {
		return string(o.Kind) != kind || len(args) > 1 && o.Name != args[1] && !strings.HasPrefix(o.ID, args[1])
	})
	if len(args) > 1 && len(objects) == 0 {
		return nil, fmt.Errorf("no %s %q in the log", kind, args[1])
	}
	return objects, nil
}

func objectsJSON(s *Streams, objects []raftlog.Object, reveal bool) error {
	out := []jsonAction{}
	for _, o := range objects {
		object, err := o.JSON(reveal)
		if err != nil {
			return err
		}
		out = append(out, jsonAction{"", string(o.Kind), o.ID, o.Name, object})
	}
	return writeJSON(s.Out, out)
}

func stateSummary(s *Streams, log *raftlog.Log, state *raftlog.State, asJSON bool) error {
	counts := state.Counts()
	if asJSON {
		return writeJSON(s.Out, map[string]any{
			"node_id": log.Self().NodeID, "index": state.Index, "term": state.Term, "commit": log.HardState().Commit,
			"objects": counts, "members": members(state),
		})
	}
	fmt.Fprintf(s.Out, "node %s, index %d, term %d, commit index on disk %d\n\n", log.Self().NodeID, state.Index, state.Term, log.HardState().Commit)
	t := newTable(s.Out, "KIND", "OBJECTS")
	for _, k := range kindNames() {
		t.row(k, counts[k])
	}
	t.row("", "")
	t.row("RAFT MEMBER", "NODE", "ADDRESS")
	for _, m := range members(state) {
		t.row(m.RaftID, m.NodeID, m.Addr)
	}
	return t.flush()
}

func members(state *raftlog.State) []jsonMember {
	out := []jsonMember{}
	for _, m := range state.Members {
		out = append(out, jsonMember{RaftID: fmt.Sprintf("%x", m.RaftID), NodeID: m.NodeID, Addr: m.Addr})
	}
	return out
}
