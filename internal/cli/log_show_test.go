package cli_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/manager/state/store"

	"github.com/swarmdr/swarmdr/internal/swarmgen"
)

// shownLine is a line of log show -o json.
type shownLine struct {
	Index     uint64           `json:"index"`
	Term      uint64           `json:"term"`
	Kind      string           `json:"kind"`
	Committed bool             `json:"committed"`
	Actions   []map[string]any `json:"actions"`
	Time      time.Time        `json:"time"`
	What      string           `json:"what"`
	Refused   string           `json:"refused"`
}

// showArgs read a directory that was generated.
func showArgs(t *testing.T, dir, unlockKey string, more ...string) []string {
	t.Helper()
	args := []string{"log", "show", "--dir", dir}
	if unlockKey != "" {
		file := filepath.Join(t.TempDir(), "unlock.key")
		if err := os.WriteFile(file, []byte(unlockKey), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--unlock-key-file", file)
	}
	return append(args, more...)
}

func showJSON(t *testing.T, args []string) []shownLine {
	t.Helper()
	out, _ := run(t, append(args, "-o", "json")...)
	var all []shownLine
	for line := range strings.Lines(out) {
		var l shownLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		all = append(all, l)
	}
	return all
}

// TestShowCases shows what every engine may have left, in all forms: entry after
// entry up to the last, in words, and without a secret.
func TestShowCases(t *testing.T) {
	emptyConfig(t)
	for _, c := range swarmgen.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "swarm")
			e := c.Build(t, dir)
			args := showArgs(t, dir, e.UnlockKey)
			lines := showJSON(t, args)
			for i, l := range lines {
				if i > 0 && l.Index != lines[i-1].Index+1 || l.What == "" || l.Committed != (l.Index <= e.Commit) || l.Refused != "" {
					t.Errorf("line %d: entry %d: %s; refused: %s", i, l.Index, l.What, l.Refused)
				}
			}
			if n := len(lines); e.RaftSnapshot < e.Last && (n == 0 || lines[n-1].Index != e.Last || lines[n-1].Term != e.Term) {
				t.Errorf("%d lines, the last should be entry %d", n, e.Last)
			}
			for _, form := range []string{"table", "text", "json"} {
				out, errs := run(t, append(slices.Clone(args), "-o", form, "-v")...)
				wantNoCanary(t, out+errs)
			}
		})
	}
}

func wantNoCanary(t *testing.T, text string) {
	t.Helper()
	for _, lead := range []string{"", "x", "xx"} { // for each place in base64
		encoded := base64.StdEncoding.EncodeToString([]byte(lead + "swarmdr-canary"))
		for _, form := range []string{"swarmdr-canary", encoded[4:16]} {
			if at := strings.Index(text, form); at >= 0 {
				t.Fatalf("a secret is shown: %q", text[max(0, at-200):min(len(text), at+40)])
			}
		}
	}
}

func named(lines []shownLine, pattern string) (found []string) {
	for _, l := range lines {
		found = append(found, regexp.MustCompile(pattern).FindAllString(l.What, -1)...)
	}
	return found
}

func TestShowMembers(t *testing.T) {
	emptyConfig(t)
	dir := filepath.Join(t.TempDir(), "swarm")
	e := swarmgen.Named(t, "members").Build(t, dir)
	got := named(showJSON(t, showArgs(t, dir, e.UnlockKey, "--kind", "member")), `^manager [a-z0-9]+ \(raft id [0-9a-f]+\) (joins at|moves to|leaves).*$`)
	for i, want := range []string{"joins at 10.0.0.1:2377", "manager m2 .* joins at 10.0.0.2:2377", "manager m3 .* joins at 10.0.0.3:2377", "manager m2 .* leaves", "manager m3 .* moves to 10.0.0.33:2377"} {
		if i >= len(got) || !regexp.MustCompile(want+"$").MatchString(got[i]) {
			t.Fatalf("change %d is not %q in %q", i, want, got)
		}
	}
}

// TestShowBehindASnapshot: where the log begins behind a raft snapshot, the first
// update of an object cannot be told from what was, until the raft snapshot.
func TestShowBehindASnapshot(t *testing.T) {
	emptyConfig(t)
	dir := filepath.Join(t.TempDir(), "swarm")
	s := swarmgen.New(t, dir, swarmgen.Options{SegmentBytes: 8 << 10})
	s.Fill()
	for n := range 30 {
		limit(s, int64(100-n))
	}
	s.Snapshot(0)
	base := s.Index()
	s.Update(func(tx store.Tx) error { // its creation is not in the log any more
		node := store.GetNode(tx, s.NodeID())
		node.Spec.Availability = api.NodeAvailabilityDrain
		return store.UpdateNode(tx, node)
	})
	limit(s, 5)
	s.Close()
	all := showJSON(t, showArgs(t, dir, ""))
	if all[0].Index == 1 || all[0].Index > base-1 {
		t.Fatalf("the log begins at %d, the raft snapshot is at %d", all[0].Index, base)
	}
	for i, l := range all {
		arrow := strings.HasPrefix(l.What, "cluster default: task history limit ")
		if updated := l.What == "cluster default: updated"; updated != (i == 0) || !updated && !arrow && l.Index != base+1 {
			t.Errorf("entry %d: %s", l.Index, l.What)
		}
	}
	want := []string{"node m1: availability active -> drain", "cluster default: task history limit 71 -> 5"}
	if got := named(all[len(all)-2:], ".*"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// limit sets the task history limit.
func limit(s *swarmgen.Swarm, n int64) {
	s.Update(func(tx store.Tx) error {
		cluster := store.GetCluster(tx, s.ClusterID())
		cluster.Spec.Orchestration.TaskHistoryRetentionLimit = n
		return store.UpdateCluster(tx, cluster)
	})
}

// TestShowSeveralActions: an entry may change an object twice, and an entry
// whose actions do not fit has no effect.
func TestShowSeveralActions(t *testing.T) {
	emptyConfig(t)
	dir := filepath.Join(t.TempDir(), "swarm")
	s := swarmgen.New(t, dir, swarmgen.Options{})
	secret := func(label string) api.StoreAction {
		notes := api.Annotations{Name: "twice", Labels: map[string]string{"step": label}}
		return api.StoreAction{Target: &api.StoreAction_Secret{Secret: &api.Secret{ID: "x", Spec: api.SecretSpec{Annotations: notes}}}}
	}
	create, update := secret("one"), secret("two")
	create.Action, update.Action = api.StoreActionKindCreate, api.StoreActionKindUpdate
	propose(t, s, create, update)
	propose(t, s, create)
	s.Close()
	lines := showJSON(t, showArgs(t, dir, "", "--kind", "secret"))
	if got, want := lines[0].What, "secret twice: created; secret twice: label step one -> two"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := lines[1].Refused, "create x: object exists"; got != want {
		t.Errorf("refused %q, want %q", got, want)
	}
	for _, form := range []string{"table", "text"} {
		if out, _ := run(t, showArgs(t, dir, "", "--kind", "secret", "-o", form)...); !strings.Contains(out, "(had no effect: create x: object exists)") {
			t.Errorf("-o %s does not tell:\n%s", form, out)
		}
	}
}

func propose(t *testing.T, s *swarmgen.Swarm, actions ...api.StoreAction) {
	t.Helper()
	if err := s.ProposeValue(t.Context(), actions, func() {}); err != nil {
		t.Fatal(err)
	}
}
