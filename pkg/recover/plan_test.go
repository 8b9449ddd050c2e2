package recover

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/swarmdr/swarmdr/internal/scenario"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// TestPlans runs the files in testdata. A file is comments and cases:
//
//	plan [method=M] [advertise=ADDR] [discard-tail] [abandon=NAME]
//	survivor m3 [autolock] [leads] [removed] [torn] [tail=N] [addr=HOST:PORT] [engine=STATE] [node=ID]
//	peer NAME alive|silent|OTHER-NODE-ID
//	manager NAME down|STATE
//	----
//	what is refused, or the plan
//
// Node ids are the host names with id- before them.
func TestPlans(t *testing.T) {
	scenario.Run(t, "testdata/*.txt", drawCase)
}

func drawCase(t *testing.T, input string) string {
	e, o := parseCase(t, input)
	p, err := NewPlan(e, o)
	if err != nil {
		return drawRefusal(err)
	}
	lines := []string{fmt.Sprintf("%s at %s: %s", p.Method, p.Address, p.Why)}
	for i, s := range p.Steps {
		lines = append(lines, fmt.Sprintf("%d. %-7s %s", i+1, s.Kind, s.Text))
	}
	return strings.Join(lines, "\n")
}

// drawRefusal marks what a caller may branch on.
func drawRefusal(err error) string {
	for name, sentinel := range map[string]error{
		"ErrQuorumAlive": ErrQuorumAlive, "ErrRevivable": ErrRevivable, "ErrNothingToDo": ErrNothingToDo,
		"ErrNotVoter": ErrNotVoter, "ErrOtherSwarm": ErrOtherSwarm, "ErrUnknownManager": ErrUnknownManager,
	} {
		if errors.Is(err, sentinel) {
			return fmt.Sprintf("refused: %v [%s]", err, name)
		}
	}
	return fmt.Sprintf("refused: %v", err)
}

func parseCase(t *testing.T, input string) (*Evidence, PlanOptions) {
	t.Helper()
	e := &Evidence{Dir: "/var/lib/docker/swarm"}
	o := PlanOptions{}
	for _, line := range strings.Split(input, "\n") {
		f := strings.Fields(line)
		switch f[0] {
		case "plan":
			parseOptions(t, f[1:], &o)
		case "survivor":
			parseSurvivor(t, f[1:], e)
		case "peer":
			e.Peers = append(e.Peers, parsePeer(f, len(e.Peers)+1))
		case "manager":
			e.Managers = append(e.Managers, parseManager(f, e.Peers))
		default:
			t.Fatalf("bad line %q", line)
		}
	}
	return e, o
}

func parseOptions(t *testing.T, words []string, o *PlanOptions) {
	t.Helper()
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "method":
			o.Method = Method(value)
		case "advertise":
			o.Advertise = value
		case "discard-tail":
			o.DiscardTail = true
		case "abandon":
			o.Abandon = append(o.Abandon, value)
		default:
			t.Fatalf("bad option %q", word)
		}
	}
}

func parseSurvivor(t *testing.T, words []string, e *Evidence) {
	t.Helper()
	e.Hostname = words[0]
	e.Contents = snapshot.Contents{ClusterID: "cluster", NodeID: "id-" + words[0], Address: "10.0.0.9:2377", Term: 4, Index: 100, Commit: 100}
	for _, word := range words[1:] {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "autolock":
			e.Contents.Autolock = true
		case "leads":
			e.Leads = true
		case "removed":
			e.Removed = true
		case "torn":
			e.Torn = true
		case "tail":
			e.Tail = make([]TailEntry, int(value[0]-'0'))
		case "addr":
			e.Contents.Address = value
		case "engine":
			e.Engine.State = value
		case "node":
			e.Engine.NodeID = value
		default:
			t.Fatalf("bad word %q", word)
		}
	}
}

func parsePeer(f []string, n int) Peer {
	p := Peer{NodeID: "id-" + f[1], Hostname: f[1], Addr: fmt.Sprintf("10.0.0.%d:2377", n), Alive: f[2] != "silent"}
	if f[2] != "silent" && f[2] != "alive" {
		p.AnswersAs = f[2]
	}
	return p
}

func parseManager(f []string, peers []Peer) Manager {
	m := Manager{Name: f[1], Host: "ssh://" + f[1]}
	for _, p := range peers {
		if p.Hostname == m.Name {
			m.NodeID, m.Addr = p.NodeID, p.Addr
		}
	}
	if f[2] == "down" {
		m.Error = "no answer"
	} else {
		m.Status.State = f[2]
	}
	return m
}

const tokenCase = `survivor m3 autolock tail=1 engine=pending
peer m1 silent
peer m2 silent
manager m1 down`

func tokenOf(t *testing.T, change func(*Evidence, *PlanOptions)) string {
	t.Helper()
	e, o := parseCase(t, tokenCase)
	change(e, &o)
	p, err := NewPlan(e, o)
	if err != nil {
		t.Fatal(err)
	}
	return p.Token
}

// What the operator confirms is where, what, how and who; not the words in
// which it is told, nor what changes while they read.
func TestToken(t *testing.T) {
	want := tokenOf(t, func(*Evidence, *PlanOptions) {})
	if len(want) != 10 || want != strings.ToLower(want) {
		t.Errorf("token %q", want)
	}
	for name, change := range map[string]func(*Evidence, *PlanOptions){
		"nothing":                    func(*Evidence, *PlanOptions) {},
		"the daemon's state":         func(e *Evidence, _ *PlanOptions) { e.Engine.State = StateActive },
		"the daemon does not answer": func(e *Evidence, _ *PlanOptions) { e.EngineError = "silent" },
		"a manager's state": func(e *Evidence, _ *PlanOptions) {
			e.Managers[0].Error = ""
			e.Managers[0].Status.State = StateInactive
		},
		"the default method, named": func(_ *Evidence, o *PlanOptions) { o.Method = ForceNewCluster },
		"the address, named":        func(_ *Evidence, o *PlanOptions) { o.Advertise = "10.0.0.9" },
		"a needless --abandon":      func(_ *Evidence, o *PlanOptions) { o.Abandon = []string{"m1"} },
	} {
		if got := tokenOf(t, change); got != want {
			t.Errorf("%s changed the token", name)
		}
	}
	seen := map[string]string{want: "nothing"}
	for name, change := range map[string]func(*Evidence, *PlanOptions){
		"another directory":  func(e *Evidence, _ *PlanOptions) { e.Dir = "/srv/docker/swarm" },
		"another cluster":    func(e *Evidence, _ *PlanOptions) { e.Contents.ClusterID = "other" },
		"another node":       func(e *Evidence, _ *PlanOptions) { e.Contents.NodeID = "other" },
		"one more entry":     func(e *Evidence, _ *PlanOptions) { e.Contents.Index++ },
		"another term":       func(e *Evidence, _ *PlanOptions) { e.Contents.Term++ },
		"another method":     func(_ *Evidence, o *PlanOptions) { o.Method = Rebuild },
		"another address":    func(_ *Evidence, o *PlanOptions) { o.Advertise = "10.0.0.8" },
		"another port":       func(_ *Evidence, o *PlanOptions) { o.Advertise = "10.0.0.9:2378" },
		"the tail dropped":   func(_ *Evidence, o *PlanOptions) { o.DiscardTail = true },
		"one voter more":     func(e *Evidence, _ *PlanOptions) { e.Peers = append(e.Peers, Peer{NodeID: "id-m4"}) },
		"one voter less":     func(e *Evidence, _ *PlanOptions) { e.Peers = e.Peers[:1] },
		"no manager named":   func(e *Evidence, _ *PlanOptions) { e.Managers = nil },
		"another host":       func(e *Evidence, _ *PlanOptions) { e.Managers[0].Host = "ssh://elsewhere" },
		"another one joined": func(e *Evidence, _ *PlanOptions) { e.Managers[0].Name, e.Managers[0].NodeID = "m2", "id-m2" },
		"one of five lives": func(e *Evidence, _ *PlanOptions) {
			e.Peers = append(e.Peers, Peer{NodeID: "id-m4", Alive: true}, Peer{NodeID: "id-m5"})
		},
	} {
		got := tokenOf(t, change)
		if other, taken := seen[got]; taken {
			t.Errorf("%s and %s have the same token", name, other)
		}
		seen[got] = name
	}
}

// The plan in the journal must lead to the same token when it is read again.
func TestTokenIsThatOfTheEvidence(t *testing.T) {
	e, o := parseCase(t, tokenCase)
	p, err := NewPlan(e, o)
	if err != nil {
		t.Fatal(err)
	}
	if token(p) != p.Token {
		t.Error("the token depends on the token or the steps")
	}
}
