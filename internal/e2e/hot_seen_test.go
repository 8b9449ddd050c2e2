package e2e

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// hotSeen counts what happened during the captures: a soak in which nothing
// did shows nothing.
type hotSeen struct {
	captures, retries int
	leader            int // captures of the leader
	behind            int // captures of others that lack what was just acknowledged
	reread            int // times that the unlock key was read again
	snapshots         int // captures during which a raft snapshot was taken
	collected         int // captures during which a WAL segment was removed
	rotated           int // captures during which the node key changed
	pending           int // captures in the middle of a DEK rotation
	plain             int // captures of a manager that was not autolocked then
	fingerprints      map[string]bool
	why               map[string]int // of the retries
	took              []time.Duration
}

// glance is what changes in a swarm directory when a raft snapshot is taken, the
// log collected, or a key rotated.
type glance struct {
	raft []string // names of raft snapshots and WAL segments
	key  string   // the node key file
}

func glanceAt(t *testing.T, swarmDir string) glance {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(swarmDir, "raft", "*", "*-*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("raft files: %v, %v", files, err)
	}
	key, err := os.ReadFile(filepath.Join(swarmDir, "certificates", "swarm-node.key"))
	if err != nil {
		t.Fatal(err)
	}
	return glance{files, string(key)}
}

func (s *hotSeen) add(before, after glance, stderr string, took time.Duration) {
	s.captures++
	s.took = append(s.took, took)
	if gone(after.raft, before.raft, ".snap") {
		s.snapshots++
	}
	if gone(before.raft, after.raft, ".wal") {
		s.collected++
	}
	if before.key != after.key {
		s.rotated++
	}
	s.reread += strings.Count(stderr, "unlock key again") + strings.Count(stderr, "wait for the unlock key")
	for line := range strings.Lines(stderr) {
		if _, why, ok := strings.Cut(line, "try again: "); ok {
			s.retries++
			if s.why == nil {
				s.why = map[string]int{}
			}
			s.why[lastWords(why)]++
		}
	}
}

// lastWords leaves out the name of a file.
func lastWords(err string) string {
	return strings.Trim(err[strings.LastIndex(err, ": ")+1:], " \"\n")
}

// gone says whether a file of that kind is in a and not in b.
func gone(a, b []string, ext string) bool {
	return slices.ContainsFunc(a, func(name string) bool { return path.Ext(name) == ext && !slices.Contains(b, name) })
}

func (s *hotSeen) proved(p *snapshot.Proof) {
	if s.fingerprints == nil {
		s.fingerprints = map[string]bool{}
	}
	s.fingerprints[p.Contents.KeyFingerprint] = true
	if p.NodeKey.DEKs().HasPending() {
		s.pending++
	}
	if !p.Contents.Autolock {
		s.plain++
	}
}

func (s *hotSeen) report(t *testing.T, h *hotRun) {
	t.Helper()
	slices.Sort(s.took)
	writes, failed := h.ledger.counts()
	t.Logf("%d captures were of the leader; %d of the others were behind it", s.leader, s.behind)
	t.Logf("%d captures, %d retries %v, the key was read again %d times; half of them within %v, the longest %v", s.captures, s.retries, s.why, s.reread,
		s.took[len(s.took)/2].Round(time.Millisecond), s.took[len(s.took)-1].Round(time.Millisecond))
	t.Logf("meanwhile %d writes were acknowledged, %d were not; raft snapshots were taken during %d captures, segments collected during %d, node keys rotated during %d",
		writes, failed, s.snapshots, s.collected, s.rotated)
	keks, deks := h.keys.counts()
	t.Logf("%d KEKs and %d DEKs were made; captures were made with %d keys, %d in the middle of a DEK rotation, %d without autolock",
		keks, deks, len(s.fingerprints), s.pending, s.plain)
	if s.leader == 0 || s.snapshots == 0 || s.rotated == 0 || len(s.fingerprints) < 2 || keks == 0 || deks == 0 || writes == 0 {
		t.Error("the captures were not put to the test")
	}
}
