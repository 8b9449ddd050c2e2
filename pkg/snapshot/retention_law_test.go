package snapshot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// What holds of each plan, whatever the policy and the snapshots.
func TestRetentionLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy, all := drawPolicy(t), drawCandidates(t)
		plan := mustPlan(t, policy, all)
		if len(plan.Keep)+len(plan.Remove) != len(all) {
			t.Fatalf("%d kept, %d removed of %d", len(plan.Keep), len(plan.Remove), len(all))
		}
		kept := names(plan)
		checkNewest(t, all, kept)
		checkNeverRemoved(t, plan.Remove)
		if again := mustPlan(t, policy, candidatesOf(plan)); len(again.Remove) != 0 {
			t.Fatalf("applied again it removes %v", again.Remove)
		}
		checkIncluded(t, "a greater policy", kept, names(mustPlan(t, greater(t, policy), all)))
		checkApart(t, policy, all, kept)
	})
}

// Bad markers, planted or not, cost a snapshot no more than the guard of the
// newest verified.
func TestBadMarkersRemoveNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy, all := drawPolicy(t), drawCandidates(t)
		var unmarked []snapshot.Candidate
		for _, c := range all {
			c.Verified, c.Bad = c.Verified || c.Bad, false
			unmarked = append(unmarked, c)
		}
		kept := names(mustPlan(t, policy, all))
		for _, k := range mustPlan(t, policy, unmarked).Keep {
			if !kept[k.Name] && !strings.HasPrefix(k.Reasons[0], "newest") {
				t.Fatalf("%s goes: %v", k.Name, k.Reasons)
			}
		}
	})
}

// Planted snapshots, whose manifests nobody signed, remove no signed one.
func TestPlantedSnapshotsRemoveNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy, all := drawPolicy(t), drawCandidates(t)
		var signed []snapshot.Candidate
		for _, c := range all {
			if c.Verified || c.Bad {
				signed = append(signed, c)
			}
		}
		kept := names(mustPlan(t, policy, all))
		for _, k := range mustPlan(t, policy, signed).Keep {
			if !kept[k.Name] && !strings.HasPrefix(k.Reasons[0], "newest") {
				t.Fatalf("%s goes: %v", k.Name, k.Reasons)
			}
		}
	})
}

func drawPolicy(t *rapid.T) snapshot.Policy {
	count := func(name string) int { return rapid.SampledFrom([]int{0, 0, 1, 2, 3, 7}).Draw(t, name) }
	p := snapshot.Policy{
		Last: count("last"), Hourly: count("hourly"), Daily: count("daily"), Weekly: count("weekly"),
		Monthly: count("monthly"), Yearly: count("yearly"), AllowShrink: true,
		Within: time.Duration(count("within")) * 24 * time.Hour,
	}
	if (p == snapshot.Policy{AllowShrink: true}) {
		p.Last = 1
	}
	return p
}

func greater(t *rapid.T, p snapshot.Policy) snapshot.Policy {
	for i, n := range []*int{&p.Last, &p.Hourly, &p.Daily, &p.Weekly, &p.Monthly, &p.Yearly} {
		*n += rapid.IntRange(0, 2).Draw(t, fmt.Sprintf("more %d", i))
	}
	p.Within += time.Duration(rapid.IntRange(0, 100).Draw(t, "more hours")) * time.Hour
	return p
}

func drawCandidates(t *rapid.T) []snapshot.Candidate {
	ages := rapid.SliceOfNDistinct(rapid.IntRange(-20, 40_000), 1, 60, rapid.ID[int]).Draw(t, "ages in hours/2")
	var all []snapshot.Candidate
	for _, age := range ages {
		at := retentionNow.Add(-time.Duration(age) * 30 * time.Minute)
		state := rapid.IntRange(0, 9).Draw(t, "state")
		all = append(all, snapshot.Candidate{
			Name:     snapshot.NewName(rapid.SampledFrom([]string{"c", "d"}).Draw(t, "cluster"), rapid.SampledFrom([]string{"m", "n"}).Draw(t, "node"), at),
			Verified: state < 6, Bad: state == 6 || state == 7,
			Protected:   rapid.IntRange(0, 9).Draw(t, "protected") == 0,
			LockedUntil: drawLock(t),
		})
	}
	return all
}

func drawLock(t *rapid.T) time.Time {
	switch rapid.IntRange(0, 9).Draw(t, "lock") {
	case 0:
		return retentionNow.Add(time.Second)
	case 1:
		return retentionNow.Add(-time.Second)
	}
	return time.Time{}
}

func mustPlan(t *rapid.T, p snapshot.Policy, all []snapshot.Candidate) *snapshot.Plan {
	plan, err := snapshot.NewPlan(p, all, retentionNow)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func names(p *snapshot.Plan) map[snapshot.Name]bool {
	kept := map[snapshot.Name]bool{}
	for _, k := range p.Keep {
		kept[k.Name] = true
	}
	return kept
}

func candidatesOf(p *snapshot.Plan) []snapshot.Candidate {
	var all []snapshot.Candidate
	for _, k := range p.Keep {
		all = append(all, k.Candidate)
	}
	return all
}

// checkNewest looks at managers, and then at clusters.
func checkNewest(t *rapid.T, all []snapshot.Candidate, kept map[snapshot.Name]bool) {
	for _, group := range []func(snapshot.Name) string{
		func(n snapshot.Name) string { return n.Cluster() + "/" + n.Node() }, snapshot.Name.Cluster,
	} {
		newest := map[string]snapshot.Name{}
		for _, c := range all {
			g := group(c.Name)
			present := !c.Name.Time().After(retentionNow.Add(5 * time.Minute))
			if c.Verified && present && (newest[g] == "" || c.Name.Time().After(newest[g].Time())) {
				newest[g] = c.Name
			}
		}
		for g, name := range newest {
			if !kept[name] {
				t.Fatalf("%s, the newest verified of %s, goes", name, g)
			}
		}
	}
}

func checkNeverRemoved(t *rapid.T, removed []snapshot.Candidate) {
	for _, c := range removed {
		if c.Protected || c.LockedUntil.After(retentionNow) || c.Name.Time().After(retentionNow.Add(5*time.Minute)) {
			t.Fatalf("%+v goes", c)
		}
	}
}

func checkIncluded(t *rapid.T, what string, want, in map[snapshot.Name]bool) {
	for name := range want {
		if !in[name] {
			t.Fatalf("%s: %s goes", what, name)
		}
	}
}

// checkApart plans one cluster alone: the other makes no difference.
func checkApart(t *rapid.T, p snapshot.Policy, all []snapshot.Candidate, kept map[snapshot.Name]bool) {
	var alone []snapshot.Candidate
	for _, c := range all {
		if c.Name.Cluster() == "c" {
			alone = append(alone, c)
		}
	}
	got := names(mustPlan(t, p, alone))
	for _, c := range alone {
		if got[c.Name] != kept[c.Name] {
			t.Fatalf("%s: kept %v, alone %v", c.Name, kept[c.Name], got[c.Name])
		}
	}
}
