package snapshot_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/internal/swarmgen"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// generated builds a case of swarmgen.
func generated(t testing.TB, name string) (*fixture.Swarm, swarmgen.Expect) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "swarm")
	e := swarmgen.Named(t, name).Build(t, dir)
	return &fixture.Swarm{Dir: dir, Key: keyOf(t, e.UnlockKey)}, e
}

func keyOf(t testing.TB, text string) unlock.Key {
	t.Helper()
	if text == "" {
		return unlock.Key{}
	}
	key, err := unlock.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func inspect(t testing.TB, fsys fs.FS, o snapshot.InspectOptions) *snapshot.Inspection {
	t.Helper()
	r, err := snapshot.Inspect(fsys, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// found is the gravest finding of each check.
func found(r *snapshot.Inspection) map[string]snapshot.Finding {
	order := []snapshot.Status{
		snapshot.StatusOK, snapshot.StatusSkipped, snapshot.StatusWarning,
		snapshot.StatusRepairable, snapshot.StatusLocked, snapshot.StatusDamaged,
	}
	worst := map[string]snapshot.Finding{}
	for _, f := range r.Findings {
		if before, ok := worst[f.Check]; !ok || slices.Index(order, f.Status) > slices.Index(order, before.Status) {
			worst[f.Check] = f
		}
	}
	return worst
}

// notOK are the statuses of the checks that are not ok.
func notOK(r *snapshot.Inspection) map[string]snapshot.Status {
	statuses := map[string]snapshot.Status{}
	for check, f := range found(r) {
		if f.Status != snapshot.StatusOK {
			statuses[check] = f.Status
		}
	}
	return statuses
}

// allChecks are those of a directory that is good.
func allChecks() []string {
	return []string{
		"ca-key", "certificate-ca", "certificate-chain", "certificate-cluster", "certificate-dates", "certificate-key",
		"certificate-node", "certificate-role", "checksums", "cluster", "commit-index", "decryption", "entries", "leftovers",
		"membership", "node-key", "node-object", "raft-snapshot", "raft-snapshots", "records", "replay", "segments", "torn-tail", "unlock-key",
	}
}

// warned is what each warning of swarmgen has to lead to.
func warned(e swarmgen.Expect) map[string]snapshot.Status {
	want := map[string]snapshot.Status{}
	for _, w := range e.Warnings {
		switch w {
		case swarmgen.PlaintextLog, swarmgen.PlaintextLeftover, swarmgen.MigrationLeftover, swarmgen.CAKeyOnDisk:
			want["leftovers"] = snapshot.StatusWarning
		case swarmgen.ExternalCASigns:
			want["ca-key"] = snapshot.StatusWarning
		case swarmgen.MarkerWithoutFile, swarmgen.TornSnapshotFile, swarmgen.FileWithoutMarker:
			want["raft-snapshot"] = snapshot.StatusWarning
		case swarmgen.CommitBeforeSnapshot:
			want["commit-index"] = snapshot.StatusRepairable
		case swarmgen.TornTail:
			want["torn-tail"] = snapshot.StatusRepairable
		}
	}
	return want
}

// words are what the details have to say of a warning.
func words(w swarmgen.Warning) (check, text string) {
	switch w {
	case swarmgen.RotationPending:
		return "node-key", "a rotation of the log's key runs"
	case swarmgen.RotationOwed:
		return "node-key", "the log's key is to be rotated"
	case swarmgen.CAKeyOnDisk:
		return "leftovers", "certificates/swarm-root-ca.key of Docker 1.12 holds the CA key in clear"
	case swarmgen.PlaintextLog, swarmgen.PlaintextLeftover:
		return "leftovers", "secrets in clear"
	case swarmgen.FileWithoutMarker:
		return "raft-snapshot", "the log does not know raft/snap-v3-encrypted/"
	case swarmgen.MarkerWithoutFile:
		return "raft-snapshot", "has no file"
	case swarmgen.TornSnapshotFile:
		return "raft-snapshot", ".snap cannot be read"
	case swarmgen.CommitBeforeSnapshot:
		return "commit-index", "before the raft snapshot"
	}
	return "", ""
}

func details(r *snapshot.Inspection, check string) string {
	var all []string
	for _, f := range r.Findings {
		if f.Check == check {
			all = append(all, f.Detail)
		}
	}
	return strings.Join(all, "\n")
}

// Of every directory that an engine can have left: what has to be told is told,
// nothing else is amiss, and all of it can be recovered.
func TestInspectEveryDirectory(t *testing.T) {
	for _, c := range swarmgen.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			s, e := generated(t, c.Name)
			before := fingerprint(t, s.Dir)
			r := inspect(t, os.DirFS(s.Dir), snapshot.InspectOptions{Key: s.Key, Now: time.Now()})
			if fingerprint(t, s.Dir) != before {
				t.Error("the directory was changed")
			}
			if diff := cmp.Diff(warned(e), notOK(r)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			for _, w := range e.Warnings {
				if check, text := words(w); !strings.Contains(details(r, check), text) {
					t.Errorf("%s: no %q in %q", w, text, details(r, check))
				}
			}
			if diff := cmp.Diff(allChecks(), slices.Sorted(maps.Keys(found(r)))); diff != "" {
				t.Errorf("checks (-want +got):\n%s", diff)
			}
			checkVerdict(t, r, e)
			checkRecoverable(t, r, e)
		})
	}
}

func checkVerdict(t *testing.T, r *snapshot.Inspection, e swarmgen.Expect) {
	t.Helper()
	want := snapshot.StatusOK
	if e.Warns(swarmgen.TornTail) || e.Warns(swarmgen.CommitBeforeSnapshot) {
		want = snapshot.StatusRepairable
	}
	if r.Verdict != want {
		t.Errorf("verdict %s, want %s", r.Verdict, want)
	}
}

func checkRecoverable(t *testing.T, r *snapshot.Inspection, e swarmgen.Expect) {
	t.Helper()
	for kind, n := range r.Recoverable {
		if n != len(e.Objects[kind]) {
			t.Errorf("%d %ss, want %d", n, kind, len(e.Objects[kind]))
		}
	}
	if len(r.Recoverable) != len(raftlog.Kinds()) {
		t.Errorf("counts of %v", r.Recoverable)
	}
	if r.Last != e.Last || r.Commit != e.Commit || r.RecoverableIndex != e.Last {
		t.Errorf("last %d, commit %d, state of %d; want %d, %d", r.Last, r.Commit, r.RecoverableIndex, e.Last, e.Commit)
	}
	if r.First == 0 || r.First > r.Last+1 || r.NodeID != e.NodeID || r.Address != e.Self.Addr {
		t.Errorf("first %d, node %s at %s", r.First, r.NodeID, r.Address)
	}
}

// shortlyAfter is when the certificate of a recording was new.
func shortlyAfter(t testing.TB, s *fixture.Swarm) time.Time {
	t.Helper()
	return parseCert(t, filepath.Join(s.Dir, nodeCert)).NotBefore.Add(2 * time.Hour)
}

// Recordings of real engines are good, and hold what those engines listed.
func TestInspectRecordings(t *testing.T) {
	for _, name := range fixture.Managers(t) {
		t.Run(name, func(t *testing.T) {
			s := fixture.Copy(t, name)
			r := inspect(t, os.DirFS(s.Dir), snapshot.InspectOptions{Key: s.Key, Now: shortlyAfter(t, s)})
			if r.Verdict != snapshot.StatusOK || len(notOK(r)) > 0 || !slices.Equal(slices.Sorted(maps.Keys(found(r))), allChecks()) {
				t.Errorf("%s: %v", r.Verdict, r.Findings)
			}
			for _, kind := range []string{"node", "secret", "config", "service"} {
				if r.Recoverable[kind] != s.Objects[kind] || s.Objects[kind] == 0 {
					t.Errorf("%d %ss, the engine listed %d", r.Recoverable[kind], kind, s.Objects[kind])
				}
			}
		})
	}
}

// Without a key, what is in clear is checked all the same.
func TestInspectWithoutKey(t *testing.T) {
	s, e := generated(t, "torn-raft-snapshot")
	want := map[string]snapshot.Status{
		"torn-tail": snapshot.StatusRepairable, "node-key": snapshot.StatusSkipped, "decryption": snapshot.StatusSkipped, "replay": snapshot.StatusSkipped,
	}
	r := inspect(t, os.DirFS(s.Dir), snapshot.InspectOptions{NoKey: true, Key: s.Key, Now: time.Now()})
	if diff := cmp.Diff(want, notOK(r)); diff != "" || r.Verdict != snapshot.StatusRepairable {
		t.Errorf("%s (-want +got):\n%s", r.Verdict, diff)
	}
	if r.Recoverable != nil || r.RecoverableIndex != 0 || r.Last != e.Last || r.NodeID != e.NodeID {
		t.Errorf("%+v", r)
	}
}
