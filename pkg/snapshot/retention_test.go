package snapshot_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/scenario"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// A Friday, in ISO week 47.
var retentionNow = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

const minute = "2006-01-02T15:04"

// TestRetention runs the files in testdata/retention. A case is
//
//	plan [last=N] [hourly=N] … [within=DURATION] [allow-shrink]
//	CLUSTER/NODE TIME [xN DURATION] [bad|untrusted] [protected] [locked=TIME]
//	----
//	what stays and why, and what goes
//
// xN is N snapshots, each a duration before the one above.
func TestRetention(t *testing.T) {
	scenario.Run(t, "testdata/retention/*.txt", func(t *testing.T, input string) string {
		lines := strings.Split(input, "\n")
		var candidates []snapshot.Candidate
		for _, line := range lines[1:] {
			candidates = append(candidates, parseCandidates(t, strings.Fields(line))...)
		}
		plan, err := snapshot.NewPlan(parsePolicy(t, lines[0]), candidates, retentionNow)
		return drawPlan(plan, err)
	})
}

func drawPlan(plan *snapshot.Plan, err error) string {
	out := strings.Builder{}
	if plan != nil {
		for _, k := range plan.Keep {
			fmt.Fprintf(&out, "keep    %s  %s\n", drawName(k.Name), strings.Join(k.Reasons, ", "))
		}
		for _, c := range plan.Remove {
			fmt.Fprintf(&out, "remove  %s\n", drawName(c.Name))
		}
	}
	if err != nil {
		fmt.Fprintln(&out, err)
	}
	return out.String()
}

func drawName(n snapshot.Name) string {
	return n.Cluster() + "/" + n.Node() + " " + n.Time().Format(minute)
}

func parsePolicy(t *testing.T, line string) snapshot.Policy {
	p := snapshot.Policy{}
	counts := map[string]*int{
		"last": &p.Last, "hourly": &p.Hourly, "daily": &p.Daily,
		"weekly": &p.Weekly, "monthly": &p.Monthly, "yearly": &p.Yearly,
	}
	for _, word := range strings.Fields(line)[1:] {
		key, value, _ := strings.Cut(word, "=")
		err := error(nil)
		switch {
		case key == "allow-shrink":
			p.AllowShrink = true
		case key == "within":
			p.Within, err = time.ParseDuration(value)
		case counts[key] != nil:
			*counts[key], err = strconv.Atoi(value)
		default:
			err = errors.New("unknown word")
		}
		if err != nil {
			t.Fatalf("%s: %v", word, err)
		}
	}
	return p
}

func parseCandidates(t *testing.T, fields []string) []snapshot.Candidate {
	cluster, node, _ := strings.Cut(fields[0], "/")
	at := parseMinute(t, fields[1])
	c, n, every := snapshot.Candidate{Verified: true}, 1, time.Duration(0)
	for i := 2; i < len(fields); i++ {
		word := fields[i]
		until, locked := strings.CutPrefix(word, "locked=")
		switch {
		case word == "bad":
			c.Verified, c.Bad = false, true
		case word == "untrusted":
			c.Verified = false
		case word == "protected":
			c.Protected = true
		case locked:
			c.LockedUntil = parseMinute(t, until)
		case word[0] == 'x':
			n, every = atoi(t, word[1:]), duration(t, fields[i+1])
			i++
		default:
			t.Fatalf("bad word %q", word)
		}
	}
	var all []snapshot.Candidate
	for i := range n {
		c.Name = snapshot.NewName(cluster, node, at.Add(-time.Duration(i)*every))
		all = append(all, c)
	}
	return all
}

func parseMinute(t *testing.T, text string) time.Time {
	at, err := time.Parse(minute, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func atoi(t *testing.T, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func duration(t *testing.T, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEmptyPolicy(t *testing.T) {
	for _, p := range []snapshot.Policy{{}, {AllowShrink: true}} {
		if plan, err := snapshot.NewPlan(p, nil, retentionNow); !errors.Is(err, snapshot.ErrEmptyPolicy) || plan != nil {
			t.Errorf("%+v: %v, %v", p, plan, err)
		}
	}
	for _, p := range []snapshot.Policy{{Last: -1}, {Daily: 7, Within: -1}, {Last: 5, Yearly: -2}} {
		if plan, err := snapshot.NewPlan(p, nil, retentionNow); err == nil || plan != nil {
			t.Errorf("%+v: %v, %v", p, plan, err)
		}
	}
}

func TestPlanOfAMalformedName(t *testing.T) {
	plan, err := snapshot.NewPlan(snapshot.Policy{Last: 1}, []snapshot.Candidate{{Name: "c/n/now"}}, retentionNow)
	if err == nil || plan != nil {
		t.Errorf("got %v, %v", plan, err)
	}
}

func TestShrinkErrorTellsTheFigures(t *testing.T) {
	var all []snapshot.Candidate
	for _, node := range []string{"m", "n"} {
		all = append(all, parseCandidates(t, strings.Fields("c/"+node+" 2026-11-20T11:00 x10 1h"))...)
	}
	plan, err := snapshot.NewPlan(snapshot.Policy{Last: 4}, all, retentionNow)
	shrink := (*snapshot.ShrinkError)(nil)
	if !errors.As(err, &shrink) || *shrink != (snapshot.ShrinkError{Cluster: "c", Node: "m", Keep: 4, Remove: 6, Verified: true}) {
		t.Errorf("got %v", err)
	}
	if plan == nil || len(plan.Remove) != 12 {
		t.Errorf("the plan is not there to be shown: %v", plan)
	}
}
