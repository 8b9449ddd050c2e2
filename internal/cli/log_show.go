package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

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
		rows = append(rows, []any{fmt.Sprintf("%s %s", a.Op, a.Object.Kind), a.Object.ID, a.Object.Name})
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
		out.Actions = append(out.Actions, jsonAction{string(a.Op), string(a.Object.Kind), a.Object.ID, a.Object.Name, object})
	}
	return out, nil
}

func noteTorn(s *Streams, log *raftlog.Log) {
	if torn := log.Torn(); torn != nil {
		fmt.Fprintf(s.Err, "the last record is torn and was never acknowledged: %s at byte %d: %s\n", torn.File, torn.Offset, torn.What)
	}
}
