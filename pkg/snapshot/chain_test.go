package snapshot_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/swarmdr/swarmdr/internal/scenario"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// TestChain runs the files in testdata/chain. A case is
//
//	chain
//	CLUSTER/NODE TIME TERM:INDEX[:COMMIT] [voters=N] [secrets=N] [tool=NAME] [xN DURATION]
//	----
//	the breaks
//
// Commit is one less than the index where it is not told. xN is N snapshots,
// each a duration and ten entries after the one above.
func TestChain(t *testing.T) {
	scenario.Run(t, "testdata/chain/*.txt", func(t *testing.T, input string) string {
		var manifests []*snapshot.Manifest
		for _, line := range strings.Split(input, "\n")[1:] {
			manifests = append(manifests, parseManifests(t, strings.Fields(line))...)
		}
		return drawBreaks(snapshot.Chain(manifests))
	})
}

func drawBreaks(breaks []snapshot.Break) string {
	if len(breaks) == 0 {
		return "nothing\n"
	}
	out := strings.Builder{}
	for _, b := range breaks {
		fmt.Fprintf(&out, "%s  %s, %s: %s\n", b.Kind, drawName(b.Names[0]), drawName(b.Names[1]), b.Words)
	}
	return out.String()
}

func parseManifests(t *testing.T, fields []string) []*snapshot.Manifest {
	cluster, node, _ := strings.Cut(fields[0], "/")
	at := parseMinute(t, fields[1])
	m := snapshot.Manifest{Tool: "swarmdr", Contents: parsePoint(t, fields[2])}
	n, every := 1, time.Duration(0)
	for i := 3; i < len(fields); i++ {
		key, value, _ := strings.Cut(fields[i], "=")
		switch {
		case key == "voters":
			m.Contents.Voters = atoi(t, value)
		case key == "secrets":
			m.Contents.Objects["secret"] = atoi(t, value)
		case key == "tool":
			m.Tool = value
		case key[0] == 'x':
			n, every = atoi(t, key[1:]), duration(t, fields[i+1])
			i++
		default:
			t.Fatalf("bad word %q", key)
		}
	}
	return series(m, cluster, node, at, n, every)
}

func parsePoint(t *testing.T, text string) snapshot.Contents {
	var numbers []uint64
	for _, part := range strings.Split(text, ":") {
		n, err := strconv.ParseUint(part, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, n)
	}
	c := snapshot.Contents{Term: numbers[0], Index: numbers[1], Commit: numbers[1] - 1, Voters: 3, Objects: map[string]int{"secret": 2}}
	if len(numbers) > 2 {
		c.Commit = numbers[2]
	}
	return c
}

func series(first snapshot.Manifest, cluster, node string, at time.Time, n int, every time.Duration) []*snapshot.Manifest {
	var all []*snapshot.Manifest
	for i := range n {
		m := first
		m.Name = snapshot.NewName(cluster, node, at.Add(time.Duration(i)*every))
		m.Contents.Index += uint64(i) * 10
		m.Contents.Commit += uint64(i) * 10
		all = append(all, &m)
	}
	return all
}

// drawHistory is a swarm that behaves: three managers that lag a little, leaders
// that change, entries of a minority that are replaced.
func drawHistory(t *rapid.T) []*snapshot.Manifest {
	var all []*snapshot.Manifest
	at, term, index, commit := retentionNow, uint64(1), uint64(10), uint64(9)
	known := map[[2]uint64]snapshot.Contents{}
	for range rapid.IntRange(1, 40).Draw(t, "snapshots") {
		at = at.Add(time.Hour)
		switch rapid.IntRange(0, 3).Draw(t, "event") {
		case 0: // a leader with a new term replaces what was not committed
			term++
			index = commit + 1 + uint64(rapid.IntRange(0, 3).Draw(t, "first"))
		default:
			index += uint64(rapid.IntRange(0, 5).Draw(t, "entries"))
		}
		commit = max(commit, index-uint64(rapid.IntRange(1, 3).Draw(t, "uncommitted")))
		c := snapshot.Contents{Term: term, Index: index, Commit: commit, Voters: 3, Objects: map[string]int{"task": int(index * term)}}
		if same, ok := known[[2]uint64{term, index}]; ok {
			c.Objects = same.Objects
		}
		known[[2]uint64{term, index}] = c
		node := rapid.SampledFrom([]string{"l", "m", "n"}).Draw(t, "node")
		all = append(all, &snapshot.Manifest{Name: snapshot.NewName("c", node, at), Contents: c})
	}
	return all
}

// A swarm that behaves has no breaks but gaps. Its snapshots come in any order.
func TestChainOfAHealthySwarm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.Permutation(drawHistory(t)).Draw(t, "order")
		for _, b := range snapshot.Chain(all) {
			if b.Kind == snapshot.Fork && b.Names[0].Node() != b.Names[1].Node() && strings.Contains(b.Words, "never committed") {
				continue
			}
			if b.Kind != snapshot.Gap {
				t.Fatalf("%+v", b)
			}
		}
	})
}

// Two years of hourly backups, expired every day: retention makes no gaps.
func TestRetentionMakesNoGaps(t *testing.T) {
	policy := snapshot.Policy{Hourly: 24, Daily: 7, Weekly: 5, Monthly: 12, Yearly: 3, AllowShrink: true}
	var all []snapshot.Candidate
	begin := retentionNow.AddDate(-2, 0, 0)
	for hour := range 2 * 365 * 24 {
		at := begin.Add(time.Duration(hour) * time.Hour)
		all = append(all, snapshot.Candidate{Name: snapshot.NewName("c", "n", at), Verified: true})
		if hour%24 != 5 {
			continue
		}
		plan, err := snapshot.NewPlan(policy, all, at)
		if err != nil {
			t.Fatal(err)
		}
		all = all[:0]
		var manifests []*snapshot.Manifest
		for _, k := range plan.Keep {
			all = append(all, k.Candidate)
			i := uint64(k.Name.Time().Sub(begin).Hours()) + 2
			manifests = append(manifests, &snapshot.Manifest{Name: k.Name, Contents: snapshot.Contents{Term: 1, Index: i, Commit: i}})
		}
		if breaks := snapshot.Chain(manifests); len(breaks) > 0 {
			t.Fatalf("on %s: %+v", at, breaks)
		}
	}
	if len(all) < 40 || len(all) > 80 {
		t.Errorf("%d are left", len(all))
	}
}
