package recover

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
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
	// Advertise is the new address of the survivor, IP or IP:PORT; empty keeps
	// the one in the log.
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
// ErrRevivable, ErrNothingToDo, ErrNotVoter, ErrOtherSwarm or
// ErrUnknownManager; any other error tells of the options.
func NewPlan(e *Evidence, o PlanOptions) (*Plan, error) {
	if err := refuse(e, o); err != nil {
		return nil, err
	}
	p := &Plan{Method: o.Method, Address: e.Contents.Address, DiscardTail: o.DiscardTail, Evidence: *e}
	if o.Advertise != "" {
		var err error
		if p.Address, err = parseAddress(o.Advertise, e.Contents.Address); err != nil {
			return nil, err
		}
	}
	if err := p.choose(p.Address != e.Contents.Address); err != nil {
		return nil, err
	}
	p.Steps = steps(p, e)
	p.Token = token(p)
	return p, nil
}

func refuse(e *Evidence, o PlanOptions) error {
	if id := e.Engine.NodeID; id != "" && id != e.Contents.NodeID {
		return fmt.Errorf("dockerd is node %s and %s that of %s: %w", id, e.Dir, e.Contents.NodeID, ErrOtherSwarm)
	}
	if e.Leads {
		return ErrNothingToDo
	}
	if e.Removed {
		return fmt.Errorf("%s: %w", e.Hostname, ErrNotVoter)
	}
	if err := refuseManagers(e); err != nil {
		return err
	}
	if len(e.Peers) == 0 {
		return refuseOnly(e, o)
	}
	alive := e.alive()
	if len(alive) >= e.majority() {
		return fmt.Errorf("%w: %s; needed are %d of %d", ErrQuorumAlive, strings.Join(alive, ", "), e.majority(), len(e.Peers)+1)
	}
	revivable := e.revivable(o.Abandon)
	if len(alive)+len(revivable) >= e.majority() {
		return fmt.Errorf("%w: %s", ErrRevivable, strings.Join(revivable, ", "))
	}
	return nil
}

// refuseOnly refuses to recover an only manager that waits for its key or its
// own vote, unless it is told how or where to.
func refuseOnly(e *Evidence, o PlanOptions) error {
	waits := e.Engine.State == StateLocked || e.Engine.State == StatePending
	if waits && o.Method == Auto && o.Advertise == "" {
		return fmt.Errorf("%w: %s, which is %s", ErrRevivable, e.Hostname, e.Engine.State)
	}
	return nil
}

func refuseManagers(e *Evidence) error {
	seen := map[string]bool{}
	for _, m := range e.Managers {
		if m.NodeID == "" {
			return fmt.Errorf("%s: %w", m.Name, ErrUnknownManager)
		}
		if seen[m.Name] {
			return fmt.Errorf("manager %s is named twice", m.Name)
		}
		seen[m.Name] = true
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
	case p.DiscardTail && p.Evidence.Torn:
		p.Method, p.Why = Rebuild, "the last record is half written, and some engines do not start on it"
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

// silent names the dead peers that nobody asked to join again. Those that are
// alive, a minority, find out and come back by themselves.
func silent(e *Evidence) []string {
	var names []string
	for _, p := range e.Peers {
		if !p.Alive && !e.named(p.NodeID) {
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

// token digests what the plan rests on. The states and words of daemons, the
// votes since the last entry and the wording of the steps may change without
// changing the plan.
func token(p *Plan) string {
	e := p.Evidence
	facts := []any{e.Dir, e.Contents.ClusterID, e.Contents.NodeID, e.Contents.Index, e.Contents.Term, p.Method, p.Address, p.DiscardTail}
	for _, peer := range e.Peers {
		facts = append(facts, peer.NodeID, peer.Alive)
	}
	for _, m := range e.Managers {
		facts = append(facts, m.Name, m.Host)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%#v", facts))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:10])
}
