package quorum_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmdr/swarmdr/internal/quorum"
)

func TestCombineKeepsTheWorse(t *testing.T) {
	const u, r, n = quorum.Unknown, quorum.Reachable, quorum.Unreachable
	for _, c := range []struct{ a, b, want quorum.Reach }{
		{u, u, u}, {u, r, r}, {u, n, n},
		{r, u, r}, {r, r, r}, {r, n, n},
		{n, u, n}, {n, r, n}, {n, n, n},
	} {
		if got := quorum.Combine(c.a, c.b); got != c.want {
			t.Errorf("%v and %v: %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

func TestStatusIsTheExitCode(t *testing.T) {
	for code, name := range []string{"ok", "warning", "critical", "unknown"} {
		if got := quorum.Status(code).String(); got != name {
			t.Errorf("%d is %q, want %q", code, got, name)
		}
	}
}

func TestStopOrderPutsTheLeaderLast(t *testing.T) {
	d := quorum.Judge(quorum.View{Voters: []quorum.Voter{{ID: "b", Leader: true}, {ID: "a"}, {ID: "c"}}})
	got := d.StopOrder()
	if len(got) != 3 || got[0] != "a" || got[1] != "c" || got[2] != "b" {
		t.Errorf("order %v", got)
	}
}

// A second implementation that counts instead of computing: managers are
// taken away one by one until the rest can no longer outvote the others.
func TestMarginAgainstCounting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawView(t)
		d := quorum.Judge(v)
		alive := 0
		for _, m := range v.Voters {
			if m.Reach == quorum.Reachable {
				alive++
			}
		}
		if got, want := d.HasQuorum, outvotes(alive, len(v.Voters)); got != want {
			t.Fatalf("quorum %v, want %v", got, want)
		}
		if got, want := d.MayFail, countMayFail(alive, len(v.Voters)); got != want {
			t.Fatalf("%d may fail, want %d", got, want)
		}
		checkStops(t, d, alive)
	})
}

func checkStops(t *rapid.T, d quorum.Verdict, alive int) {
	for _, m := range d.View.Voters {
		safe, reason := d.SafeToStop(m.ID)
		if safe != (reason == "") {
			t.Fatalf("safe %v with reason %q", safe, reason)
		}
		if safe && !outvotes(alive-1, d.Voters) {
			t.Fatalf("%s may be stopped, but %d of %d would be left", m.ID, alive-1, d.Voters)
		}
		if safe && d.MayFail == 0 {
			t.Fatalf("%s may be stopped although none may fail", m.ID)
		}
	}
}

func outvotes(alive, n int) bool { return alive > n-alive }

func countMayFail(alive, n int) int {
	failed := 0
	for outvotes(alive-failed-1, n) {
		failed++
	}
	return failed
}

func drawView(t *rapid.T) quorum.View {
	var v quorum.View
	n := rapid.IntRange(0, 9).Draw(t, "voters")
	leader := rapid.IntRange(-1, n).Draw(t, "leader")
	v.LeaderKnown = rapid.Bool().Draw(t, "leader known")
	for i := range n {
		v.Voters = append(v.Voters, quorum.Voter{
			ID:     string(rune('a' + i)),
			Reach:  quorum.Reach(rapid.IntRange(0, 2).Draw(t, "reach")),
			Leader: i == leader,
		})
	}
	return v
}
