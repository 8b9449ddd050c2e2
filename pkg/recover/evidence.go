package recover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/moby/swarmkit/v2/api"
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
	// Tail are the entries beyond the commit index on disk.
	Tail []TailEntry `json:"tail"`
	// Peers are the other voters of the log.
	Peers []Peer `json:"peers"`
	// Managers are the daemons that were named to be joined again.
	Managers []Manager `json:"managers"`

	state    *raftlog.State
	settings settings
}

// TailEntry is an entry beyond the commit index on disk.
type TailEntry struct {
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
	What  string `json:"what"`
}

// Peer is another voter. Alive says that it answered on its own port.
type Peer struct {
	NodeID   string `json:"node_id"`
	Hostname string `json:"hostname"`
	Addr     string `json:"addr"`
	Alive    bool   `json:"alive"`
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

// settings are the parts of docker-state.json that a recovery must keep.
type settings struct {
	ListenAddr, AdvertiseAddr, DataPathAddr string
}

// Gather reads the survivor's directory, asks its daemon and the named ones,
// and probes every other voter. It changes nothing. Errors are those of
// snapshot.Prove; daemons that do not answer are evidence, not errors.
func Gather(ctx context.Context, o GatherOptions) (*Evidence, error) {
	proof, err := snapshot.ProveLive(o.Dir, o.Key)
	if err != nil {
		return nil, err
	}
	e := &Evidence{Dir: o.Dir, Contents: proof.Contents, state: proof.State}
	e.Hostname = e.hostname(e.Contents.NodeID)
	if e.Tail, err = tail(proof); err != nil {
		return nil, err
	}
	if e.settings, err = readSettings(o.Dir); err != nil {
		return nil, err
	}
	e.probe(ctx, o.Prober)
	if err := e.askSurvivor(ctx, o.Survivor); err != nil {
		return nil, err
	}
	for _, m := range o.Managers {
		e.Managers = append(e.Managers, e.ask(ctx, m))
	}
	return e, nil
}

// staleLead bounds how long a leader that lost its quorum may go on leading:
// it steps down after an election timeout, seen after 12 s (Docker 20.10.24).
const staleLead = 30 * time.Second

// askSurvivor asks the daemon for its state and whether there is a leader. A
// leader whose peers are silent is given the time to notice.
func (e *Evidence) askSurvivor(ctx context.Context, d Survivor) error {
	status, err := d.Status(ctx)
	if err != nil {
		e.EngineError = err.Error()
		return nil //nolint:nilerr // a silent daemon is evidence
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
	for _, m := range e.state.Members {
		if m.NodeID == e.Contents.NodeID {
			continue
		}
		addrs = append(addrs, m.Addr)
		e.Peers = append(e.Peers, Peer{NodeID: m.NodeID, Hostname: e.hostname(m.NodeID), Addr: m.Addr})
	}
	for i, nodeID := range p.Probe(ctx, addrs) {
		e.Peers[i].Alive = nodeID == e.Peers[i].NodeID
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

func (e *Evidence) hostname(nodeID string) string {
	if n := e.node(nodeID); n != nil && n.Description != nil {
		return n.Description.Hostname
	}
	return ""
}

func (e *Evidence) node(id string) *api.Node { return e.state.Nodes[id] }

// alive names the voters that are up or can be: the survivor, and the peers
// that answered.
func (e *Evidence) alive() []string {
	names := []string{e.Hostname}
	for _, p := range e.Peers {
		if p.Alive {
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

func readSettings(dir string) (settings, error) {
	s := settings{}
	data, err := os.ReadFile(filepath.Join(dir, dockerState))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("read %s: %v", dockerState, err)
	}
	return s, nil
}
