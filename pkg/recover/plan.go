package recover

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"net"
	"strings"
)

// Method is how the survivor becomes the only voter.
type Method string

// The methods; see the package comment.
const (
	Auto            Method = ""
	ForceNewCluster Method = "force-new-cluster"
	Rebuild         Method = "rebuild"
)

// PlanOptions are what the operator decides.
type PlanOptions struct {
	Method Method
	// Advertise is the new address of the survivor, HOST or HOST:PORT; empty
	// keeps the one in the log.
	Advertise string
	// DiscardTail drops the entries beyond the commit index on disk.
	DiscardTail bool
	// Abandon names managers whose daemons run and whose logs are given up all
	// the same; without that they count as alive.
	Abandon []string
}

// Plan is what a recovery will do. Its Token is a digest of all that matters
// in it: the same evidence and the same options give the same token.
type Plan struct {
	Method      Method   `json:"method"`
	Why         string   `json:"why"`
	Address     string   `json:"address"`
	DiscardTail bool     `json:"discard_tail"`
	Evidence    Evidence `json:"evidence"`
	Steps       []Step   `json:"steps"`
	Token       string   `json:"token"`
}

// Step is one idempotent step of a plan. Target is the host name that a rejoin
// is about.
type Step struct {
	Kind   StepKind `json:"kind"`
	Target string   `json:"target,omitempty"`
	Text   string   `json:"text"`
}

// StepKind says what a step does.
type StepKind string

// The steps, in the order they occur in.
const (
	StepStop    StepKind = "stop"
	StepPrepare StepKind = "prepare"
	StepSwap    StepKind = "swap"
	StepStart   StepKind = "start"
	StepRevive  StepKind = "revive"
	StepCompare StepKind = "compare"
	StepRejoin  StepKind = "rejoin"
	StepGhosts  StepKind = "ghosts"
	StepProve   StepKind = "prove"
)

// NewPlan decides from the evidence. It refuses with ErrQuorumAlive,
// ErrNothingToDo or ErrUnknownManager.
func NewPlan(e *Evidence, o PlanOptions) (*Plan, error) {
	if err := refuse(e, o.Abandon); err != nil {
		return nil, err
	}
	p := &Plan{Method: o.Method, Address: e.Contents.Address, DiscardTail: o.DiscardTail, Evidence: *e}
	moved := false
	if o.Advertise != "" {
		p.Address = withPort(o.Advertise)
		moved = p.Address != e.Contents.Address
	}
	if err := p.choose(moved); err != nil {
		return nil, err
	}
	p.Steps = steps(p, e)
	p.Token = token(p)
	return p, nil
}

func refuse(e *Evidence, abandon []string) error {
	if e.Leads {
		return ErrNothingToDo
	}
	for _, m := range e.Managers {
		if m.NodeID == "" {
			return fmt.Errorf("%s: %w", m.Name, ErrUnknownManager)
		}
	}
	if len(e.Peers) == 0 {
		return nil
	}
	alive := e.alive()
	if len(alive) >= e.majority() {
		return fmt.Errorf("%w: %s; needed are %d of %d", ErrQuorumAlive, strings.Join(alive, ", "), e.majority(), len(e.Peers)+1)
	}
	revivable := e.revivable(abandon)
	if len(alive)+len(revivable) >= e.majority() {
		return fmt.Errorf("%w: %s", ErrRevivable, strings.Join(revivable, ", "))
	}
	return nil
}

func (p *Plan) choose(moved bool) error {
	switch {
	case p.Method == ForceNewCluster && moved:
		return fmt.Errorf("the engine's force-new-cluster keeps the address %s whatever it is told; use the method %s", p.Evidence.Contents.Address, Rebuild)
	case p.Method == ForceNewCluster || p.Method == Rebuild:
		p.Why = "as asked"
	case p.Method != Auto:
		return fmt.Errorf("unknown method %q", p.Method)
	case moved:
		p.Method, p.Why = Rebuild, "the address changes, and the engine's own way keeps the old one"
	default:
		p.Method, p.Why = ForceNewCluster, "the address stays, so the engine's own way does"
	}
	return nil
}

func steps(p *Plan, e *Evidence) []Step {
	all := []Step{
		{Kind: StepStop, Text: "stop dockerd on " + e.Hostname},
		{Kind: StepPrepare, Text: prepareText(p, e)},
		{Kind: StepSwap, Text: "set the old directory aside, complete, and put the copy in its place by one rename"},
		{Kind: StepStart, Text: "start dockerd on " + e.Hostname},
		{Kind: StepRevive, Text: reviveText(p, e)},
		{Kind: StepCompare, Text: "compare every object with the log"},
	}
	for _, m := range e.Managers {
		all = append(all, Step{StepRejoin, m.Name, fmt.Sprintf("join %s again: wait for its dockerd at %s, let it leave the lost swarm, join, wait until Reachable, remove its old node object", m.Name, m.Host)})
	}
	if ghosts := silent(e); len(ghosts) > 0 {
		all = append(all, Step{Kind: StepGhosts, Text: "remove the node objects of the managers that are gone: " + strings.Join(ghosts, ", ")})
	}
	return append(all, Step{Kind: StepProve, Text: "prove: every manager Reachable, unlock key and autolock as before"})
}

func prepareText(p *Plan, e *Evidence) string {
	keep := "keep the whole log"
	if p.DiscardTail {
		keep = fmt.Sprintf("drop the %d entries of the tail", len(e.Tail))
	}
	if p.Method == Rebuild {
		return fmt.Sprintf("in a copy: %s, write a fresh raft log with %s at %s as the only member", keep, e.Hostname, p.Address)
	}
	if e.Contents.Autolock {
		return "in a copy: " + keep + ", write the node key without the unlock key (the engine locks it again)"
	}
	return "in a copy: " + keep
}

func reviveText(p *Plan, e *Evidence) string {
	switch {
	case p.Method == ForceNewCluster && e.Contents.Autolock:
		return "force a new cluster with autolock on, and wait until the node key is locked again"
	case p.Method == ForceNewCluster:
		return "force a new cluster"
	case e.Contents.Autolock:
		return "unlock it, and wait until it leads"
	}
	return "wait until it leads"
}

// silent names the peers that nobody asked to join again.
func silent(e *Evidence) []string {
	var names []string
	for _, p := range e.Peers {
		if !e.named(p.NodeID) {
			names = append(names, p.Hostname)
		}
	}
	return names
}

func (e *Evidence) named(nodeID string) bool {
	for _, m := range e.Managers {
		if m.NodeID == nodeID {
			return true
		}
	}
	return false
}

// token digests what the plan rests on. The term of the survivor, the states
// of daemons and the steps' wording may change without changing the plan.
func token(p *Plan) string {
	e := p.Evidence
	facts := []any{e.Dir, e.Contents.ClusterID, e.Contents.NodeID, e.Contents.Index, e.Contents.Term, p.Method, p.Address, p.DiscardTail}
	for _, peer := range e.Peers {
		facts = append(facts, peer.NodeID, peer.Alive)
	}
	for _, m := range e.Managers {
		facts = append(facts, m.Name, m.Host)
	}
	text, err := json.Marshal(facts)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	sum := sha256.Sum256(text)
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:10])
}

// withPort adds the swarm's default port.
func withPort(addr string) string {
	if _, _, err := net.SplitHostPort(addr); err == nil {
		return addr
	}
	return net.JoinHostPort(addr, "2377")
}
