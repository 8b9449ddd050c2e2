package recover

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// Evidence is what was seen, before anything is decided.
type Evidence struct {
	Dir      string            `json:"dir"`
	Contents snapshot.Contents `json:"contents"`
	Hostname string            `json:"hostname"`
	// Engine is what the survivor's daemon said, or EngineError why it did not.
	Engine      Status `json:"engine"`
	EngineError string `json:"engine_error,omitempty"`
	// Leads says that the survivor's API answers with a leader.
	Leads bool `json:"leads"`
	// Removed says that the survivor is no voter of its own log.
	Removed bool `json:"removed,omitempty"`
	// Tail are the entries beyond the commit index on disk. Torn says that the
	// last record was half written; it is in neither.
	Tail []TailEntry `json:"tail"`
	Torn bool        `json:"torn,omitempty"`
	// Peers are the other voters of the log.
	Peers []Peer `json:"peers"`
	// Managers are the daemons that were named to be joined again.
	Managers []Manager `json:"managers"`

	state *raftlog.State
	hangs bool // the daemon runs and does not answer
}

// TailEntry is an entry beyond the commit index on disk.
type TailEntry struct {
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
	What  string `json:"what"`
}

// Peer is another voter. Alive says that a manager answered on its port, if
// need be under another node id, AnswersAs: then the swarm may live on beyond
// this log, which knows that host by its old id.
type Peer struct {
	NodeID    string `json:"node_id"`
	Hostname  string `json:"hostname"`
	Addr      string `json:"addr"`
	Alive     bool   `json:"alive"`
	AnswersAs string `json:"answers_as,omitempty"`
}

// Manager is a daemon reached by its docker host URL. NodeID and Addr are
// those of the manager of that host name in the log.
type Manager struct {
	Name   string `json:"name"`
	Host   string `json:"host"`
	NodeID string `json:"node_id"`
	Addr   string `json:"addr"`
	Status Status `json:"status"`
	Error  string `json:"error,omitempty"`
}

// revivable says that unlocking or waiting may bring the manager back with its
// log: its daemon runs and has not left the swarm.
func (m Manager) revivable() bool {
	return m.Error == "" && m.Status.State != StateInactive
}

// NamedDaemon is a daemon to join again: its host name in the swarm, its
// docker host URL, and the connection.
type NamedDaemon struct {
	Name, Host string
	Daemon     Daemon
}

// GatherOptions say where to look.
type GatherOptions struct {
	Dir      string
	Key      unlock.Key
	Survivor Survivor
	Managers []NamedDaemon
	Prober   Prober
}

// Gather reads the survivor's directory, asks its daemon and the named ones,
// and probes every other voter. It changes nothing. Errors are those of
// snapshot.Prove; daemons that do not answer are evidence, not errors.
//
// A leader that lost its quorum goes on writing to its log until it notices:
// Gather waits for that, up to half a minute.
func Gather(ctx context.Context, o GatherOptions) (*Evidence, error) {
	dir, err := filepath.Abs(o.Dir) // without a slash at its end
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", o.Dir, err)
	}
	e := &Evidence{Dir: dir}
	if _, err := e.read(o.Key); err != nil {
		return nil, err
	}
	e.probe(ctx, o.Prober)
	if err := e.askSurvivor(ctx, o.Survivor); err != nil {
		return nil, err
	}
	proof, err := e.settle(ctx, o.Key)
	if err != nil {
		return nil, err
	}
	e.Torn = proof.Log.Torn() != nil
	if e.Tail, err = tail(proof); err != nil {
		return nil, err
	}
	for _, m := range o.Managers {
		e.Managers = append(e.Managers, e.ask(ctx, m))
	}
	return e, nil
}

func (e *Evidence) read(key unlock.Key) (*snapshot.Proof, error) {
	proof, err := snapshot.ProveLive(e.Dir, key)
	if err != nil {
		return nil, err
	}
	e.Contents, e.state = proof.Contents, proof.State
	e.Hostname = e.hostname(e.Contents.NodeID)
	return proof, nil
}

// settle reads the log again once nothing is added to it any more: a node that
// has given up its leader stands for election, in a higher term than that of
// its last entry.
func (e *Evidence) settle(ctx context.Context, key unlock.Key) (proof *snapshot.Proof, err error) {
	lost := !e.Leads && len(e.alive()) < e.majority()
	running := e.hangs || e.Engine.State == StateActive || e.Engine.State == StatePending
	err = poll(ctx, staleLead, "the log settles", func() (bool, error) {
		var err error
		proof, err = e.read(key)
		return err == nil && (!lost || !running || proof.Log.HardState().Term > proof.Log.LastTerm()), err
	})
	if errors.Is(err, ErrTimeout) {
		return proof, nil
	}
	return proof, err
}

// staleLead bounds how long a leader that lost its quorum may go on leading:
// it steps down after an election timeout, seen after 12 s (Docker 20.10.24).
const staleLead = 30 * time.Second

// askSurvivor asks the daemon for its state and whether there is a leader. A
// leader whose peers are silent is given the time to notice.
func (e *Evidence) askSurvivor(ctx context.Context, d Survivor) error {
	status, err := d.Status(ctx)
	if err != nil {
		e.EngineError, e.hangs = err.Error(), errors.Is(err, ErrTimeout)
		return nil
	}
	e.Engine = status
	if !status.Control {
		return nil
	}
	err = poll(ctx, staleLead, "the leader steps down", func() (bool, error) {
		nodes, err := d.Nodes(ctx)
		e.Leads = err == nil && slices.ContainsFunc(nodes, func(n Node) bool { return n.Leader })
		return !e.Leads || len(e.alive()) >= e.majority(), nil
	})
	if errors.Is(err, ErrTimeout) {
		return nil
	}
	return err
}

func (e *Evidence) probe(ctx context.Context, p Prober) {
	var addrs []string
	e.Removed = true
	for _, m := range e.state.Members {
		if m.NodeID == e.Contents.NodeID {
			e.Removed = false
			continue
		}
		addrs = append(addrs, m.Addr)
		e.Peers = append(e.Peers, Peer{NodeID: m.NodeID, Hostname: e.hostname(m.NodeID), Addr: m.Addr})
	}
	for i, nodeID := range p.Probe(ctx, addrs) {
		peer := &e.Peers[i]
		peer.Alive = nodeID != ""
		if nodeID != peer.NodeID {
			peer.AnswersAs = nodeID
		}
	}
}

func (e *Evidence) ask(ctx context.Context, d NamedDaemon) Manager {
	m := Manager{Name: d.Name, Host: d.Host}
	for _, p := range e.Peers {
		if p.Hostname == d.Name {
			m.NodeID, m.Addr = p.NodeID, p.Addr
		}
	}
	status, err := d.Daemon.Status(ctx)
	if err != nil {
		m.Error = err.Error()
	}
	m.Status = status
	return m
}

// hostname is the node id where the log knows no better.
func (e *Evidence) hostname(nodeID string) string {
	if n, ok := e.state.Object(raftlog.KindNode, nodeID); ok && n.Name != "" {
		return n.Name
	}
	return nodeID
}

// alive names the voters that are up or can be: the survivor, and the peers
// that answered.
func (e *Evidence) alive() []string {
	names := []string{e.Hostname}
	for _, p := range e.Peers {
		if p.AnswersAs != "" {
			names = append(names, fmt.Sprintf("%s (as node %s)", p.Hostname, p.AnswersAs))
		} else if p.Alive {
			names = append(names, p.Hostname)
		}
	}
	return names
}

// revivable names the silent peers whose daemons run with their old log.
func (e *Evidence) revivable(abandoned []string) []string {
	var names []string
	for _, m := range e.Managers {
		silent := slices.ContainsFunc(e.Peers, func(p Peer) bool { return p.NodeID == m.NodeID && !p.Alive })
		if silent && m.revivable() && !slices.Contains(abandoned, m.Name) {
			names = append(names, m.Name)
		}
	}
	return names
}

// majority of the voters.
func (e *Evidence) majority() int { return (len(e.Peers)+1)/2 + 1 }

func tail(p *snapshot.Proof) ([]TailEntry, error) {
	var entries []TailEntry
	for entry, err := range p.Log.Entries(p.Contents.Commit + 1) {
		if err != nil {
			return nil, err
		}
		entries = append(entries, TailEntry{entry.Index, entry.Term, describe(entry)})
	}
	return entries, nil
}

func describe(e raftlog.Entry) string {
	var words []string
	for _, a := range e.Actions {
		words = append(words, strings.TrimSpace(fmt.Sprintf("%s %s %s", a.Op, a.Object.Kind, a.Object.Name)))
	}
	if e.ConfChange != nil {
		words = append(words, fmt.Sprintf("%s member %x", e.ConfChange.Op, e.ConfChange.Member.RaftID))
	}
	if len(words) == 0 {
		return "empty"
	}
	return strings.Join(words, ", ")
}
