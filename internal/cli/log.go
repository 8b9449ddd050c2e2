package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/swarmkit/v2/api"
	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

func newLogCommand(s *Streams) *cobra.Command {
	return group("log", "Read the raft log of a manager, without ever writing", newLogShowCommand(s), newLogStateCommand(s))
}

// logOptions are those of every command that reads a log.
type logOptions struct {
	sourceOptions
	outputOptions
	reveal bool
}

func (o *logOptions) AddFlags(c *cobra.Command) {
	o.sourceOptions.AddFlags(c)
	o.outputOptions.AddFlags(c)
	c.Flags().BoolVar(&o.reveal, "reveal", false, "show secrets instead of (redacted)")
}

// openLog opens the source and its log; close the source when done.
func (o *logOptions) openLog(ctx context.Context) (*source, *raftlog.Log, error) {
	if err := o.outputOptions.Validate(); err != nil {
		return nil, nil, err
	}
	src, err := o.openSource(ctx)
	if err != nil {
		return nil, nil, err
	}
	log, err := src.log()
	if err != nil {
		return nil, nil, closeAfter(src, err)
	}
	return src, log, nil
}

// log opens the raft log with the keys of the node key file.
func (s *source) log() (*raftlog.Log, error) {
	if _, err := raftlog.Open(s, nil); err != nil {
		return nil, err
	}
	key, err := snapshot.OpenNodeKey(s, s.key)
	if err != nil {
		return nil, err
	}
	return raftlog.Open(s, key.DEKs())
}

func newLogShowCommand(s *Streams) *cobra.Command {
	o := logOptions{}
	from := uint64(0)
	c := &cobra.Command{
		Use:   "show",
		Short: "Show what each entry of the log did",
		Long: `Show the entries of a manager's raft log and what each did. Entries beyond the
commit index on disk, the tail, are marked with *.

With -o json one entry a line. Secrets are redacted unless asked for.
` + exitHelp,
		Example: `  swarmdr log show
  swarmdr log show --dir /var/lib/docker/swarm --unlock-key-file /root/unlock.key
  swarmdr log show --snapshot latest -i /root/identity.txt -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			src, log, err := o.openLog(c.Context())
			if err != nil {
				return err
			}
			return closeAfter(src, runLogShow(s, log, from, &o))
		},
	}
	o.AddFlags(c)
	c.Flags().Uint64Var(&from, "from", 0, "begin at this `INDEX`")
	return c
}

func runLogShow(s *Streams, log *raftlog.Log, from uint64, o *logOptions) error {
	if o.json() {
		return showJSON(s, log, from, o.reveal)
	}
	t := newTable(s.Out, "INDEX", "TERM", "WHAT", "ID", "NAME")
	for e, err := range log.Entries(from) {
		if err != nil {
			return err
		}
		index := fmt.Sprint(e.Index)
		if !e.Committed {
			index += "*"
		}
		for _, row := range entryRows(e) {
			t.row(append([]any{index, e.Term}, row...)...)
		}
	}
	noteTorn(s, log)
	return t.flush()
}

// entryRows are what, id and name of each change of an entry.
func entryRows(e raftlog.Entry) [][]any {
	if c := e.ConfChange; c != nil {
		return [][]any{{string(c.Op) + " member", fmt.Sprintf("%x", c.Member.RaftID), c.Member.Addr}}
	}
	var rows [][]any
	for _, a := range e.Actions {
		rows = append(rows, []any{fmt.Sprintf("%s %s", a.Op, a.Object.Kind), a.Object.ID, nameOf(a.Object)})
	}
	if len(rows) == 0 {
		rows = append(rows, []any{string(e.Kind), "", ""})
	}
	return rows
}

type jsonEntry struct {
	Index     uint64       `json:"index"`
	Term      uint64       `json:"term"`
	Kind      string       `json:"kind"`
	Committed bool         `json:"committed"`
	Actions   []jsonAction `json:"actions,omitempty"`
	Member    *jsonMember  `json:"member,omitempty"`
}

type jsonAction struct {
	Op     string         `json:"op,omitempty"`
	Kind   string         `json:"kind"`
	ID     string         `json:"id"`
	Name   string         `json:"name,omitempty"`
	Object map[string]any `json:"object,omitempty"`
}

type jsonMember struct {
	Op     string `json:"op,omitempty"`
	RaftID string `json:"raft_id"`
	NodeID string `json:"node_id,omitempty"`
	Addr   string `json:"addr,omitempty"`
}

func showJSON(s *Streams, log *raftlog.Log, from uint64, reveal bool) error {
	enc := json.NewEncoder(s.Out)
	for e, err := range log.Entries(from) {
		if err != nil {
			return err
		}
		line, err := jsonOf(e, reveal)
		if err != nil {
			return err
		}
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	noteTorn(s, log)
	return nil
}

func jsonOf(e raftlog.Entry, reveal bool) (jsonEntry, error) {
	out := jsonEntry{Index: e.Index, Term: e.Term, Kind: string(e.Kind), Committed: e.Committed}
	if c := e.ConfChange; c != nil {
		out.Member = &jsonMember{string(c.Op), fmt.Sprintf("%x", c.Member.RaftID), c.Member.NodeID, c.Member.Addr}
	}
	for _, a := range e.Actions {
		object, err := a.Object.JSON(reveal)
		if err != nil {
			return out, err
		}
		out.Actions = append(out.Actions, jsonAction{string(a.Op), string(a.Object.Kind), a.Object.ID, nameOf(a.Object), object})
	}
	return out, nil
}

func noteTorn(s *Streams, log *raftlog.Log) {
	if torn := log.Torn(); torn != nil {
		fmt.Fprintf(s.Err, "the last record is torn and was never acknowledged: %s at byte %d: %s\n", torn.File, torn.Offset, torn.What)
	}
}

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
		t.row(object.Kind, object.ID, nameOf(object))
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
		return string(o.Kind) != kind || len(args) > 1 && nameOf(o) != args[1] && !strings.HasPrefix(o.ID, args[1])
	})
	if len(args) > 1 && len(objects) == 0 {
		return nil, fmt.Errorf("no %s %q in the log", kind, args[1])
	}
	return objects, nil
}

// nameOf is the name of an object; nodes go by their host names.
func nameOf(o raftlog.Object) string {
	if n, ok := o.Value.(*api.Node); ok && o.Name == "" && n.Description != nil {
		return n.Description.Hostname
	}
	return o.Name
}

func objectsJSON(s *Streams, objects []raftlog.Object, reveal bool) error {
	out := []jsonAction{}
	for _, o := range objects {
		object, err := o.JSON(reveal)
		if err != nil {
			return err
		}
		out = append(out, jsonAction{"", string(o.Kind), o.ID, nameOf(o), object})
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
