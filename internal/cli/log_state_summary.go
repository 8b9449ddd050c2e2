package cli

import (
	"fmt"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// stateAnswer is what a state holds, in numbers.
type stateAnswer struct {
	NodeID  string         `json:"node_id"`
	Index   uint64         `json:"index"`
	Term    uint64         `json:"term"`
	Commit  uint64         `json:"commit"`
	Tail    uint64         `json:"tail"`
	Objects map[string]int `json:"objects"`
	Members []memberAnswer `json:"members"`
}

func stateSummary(s *Streams, log *raftlog.Log, state *raftlog.State, o *outputOptions) error {
	a := stateAnswer{
		log.Self().NodeID, state.Index, state.Term, log.HardState().Commit, tail(log, state), state.Counts(), members(state),
	}
	if o.json() {
		return writeJSON(s.Out, a)
	}
	if o.yaml() {
		return writeYAML(s.Out, a)
	}
	fmt.Fprintf(s.Out, "node %s, index %d, term %d, commit index on disk %d\n", a.NodeID, a.Index, a.Term, a.Commit)
	if a.Tail > 0 {
		fmt.Fprintf(s.Out, "tail: %s beyond the commit index, which may have been acknowledged\n", count(int(a.Tail), "entry", "entries"))
	}
	fmt.Fprintln(s.Out)
	t := newTable(s.Out, "KIND", "OBJECTS")
	for _, k := range kindNames() {
		t.row(k, a.Objects[k])
	}
	t.row("", "")
	t.row("RAFT MEMBER", "NODE", "ADDRESS")
	for _, m := range a.Members {
		t.row(m.RaftID, m.NodeID, m.Addr)
	}
	return t.flush()
}

// tail counts the entries in the state that lie beyond the commit index on
// disk. What a raft snapshot holds was committed.
func tail(log *raftlog.Log, state *raftlog.State) uint64 {
	committed := max(log.HardState().Commit, log.RaftSnapshot().Index)
	if state.Index <= committed {
		return 0
	}
	return state.Index - committed
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func members(state *raftlog.State) []memberAnswer {
	out := []memberAnswer{}
	for _, m := range state.Members {
		out = append(out, memberAnswer{RaftID: fmt.Sprintf("%x", m.RaftID), NodeID: m.NodeID, Addr: m.Addr})
	}
	return out
}

type memberAnswer struct {
	RaftID string `json:"raft_id"`
	NodeID string `json:"node_id,omitempty"`
	Addr   string `json:"addr,omitempty"`
}
