package e2e

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/lab"
	"github.com/swarmdr/swarmdr/internal/lab/labtest"
	"github.com/swarmdr/swarmdr/internal/store/file"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// hotSample is how long captures are taken unless make soak says how many.
const hotSample = 40 * time.Second

// TestHot copies managers of a swarm under load, while raft snapshots are taken,
// the log is collected, and KEK and DEK are rotated. Each copy proves. That of
// the leader holds every write that was acknowledged before it began; that of
// another manager may be behind by what the leader has not yet sent it, and
// holds what was acknowledged followerLag before. make soak takes as many as SWARMDR_SOAK
// says, spread over all engines.
func TestHot(t *testing.T) {
	soak := soakCaptures(t)
	engines := labtest.Engines(t)
	for _, dockerd := range engines {
		if name := engineName(dockerd); soak > 0 || name == "installed" {
			t.Run(name, func(t *testing.T) { testHot(t, dockerd, (soak+len(engines)-1)/len(engines)) })
		}
	}
}

// followerLag is far above what was seen of a follower on a busy machine.
const followerLag = 5 * time.Second

// soakCaptures is 0 for a sample.
func soakCaptures(t *testing.T) int {
	text := os.Getenv("SWARMDR_SOAK")
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("SWARMDR_SOAK %q: want a number of captures", text)
	}
	return n
}

// hotRun is a swarm under load and what was seen of its captures.
type hotRun struct {
	*fixture
	store    snapshot.Store
	identity *snapshot.Identities
	ledger   *ledger
	keys     *rotator
	seen     hotSeen
}

// testHot takes that many captures, by turns of the leader and of another; 0 for
// as many as the time of a sample allows.
func testHot(t *testing.T, dockerd string, captures int) {
	f := newFixture(t, lab.Options{Managers: 3, Autolock: true, Dockerd: dockerd})
	h := &hotRun{fixture: f, store: file.New(f.storeDir()), identity: f.identities(), ledger: newLedger()}
	f.setRaft("m1", hotRaft)
	h.keys = f.rotateKeys("m1")
	stop := f.load(h.ledger)
	for begin := time.Now(); captures == 0 && time.Since(begin) < hotSample || h.seen.captures < captures; {
		leader := f.leader()
		if turn := h.seen.captures; turn%2 == 0 {
			h.capture(leader)
		} else {
			h.capture(f.others(leader)[turn/2%2])
		}
		if t.Failed() {
			break
		}
	}
	stop()
	h.keys.stop()
	h.seen.report(t, h)
	for _, name := range []string{"m1", "m2", "m3"} {
		f.wantNothingLeft(name)
	}
}

// capture takes a hot copy of a manager, proves it, and compares it with what
// was acknowledged.
func (h *hotRun) capture(node string) {
	h.Helper()
	leads, dir := h.leader() == node, h.node(node).SwarmDir()
	before, long := h.ledger.now(), h.ledger.before(followerLag)
	was, begin := glanceAt(h.T, dir), time.Now()
	out, stderr, code := h.try(node, h.backupArgs("-v", "--mode", "hot", "--unlock-key-command", h.keys.command())...)
	took := time.Since(begin)
	after := h.ledger.now()
	h.seen.add(was, glanceAt(h.T, dir), stderr, took)
	if code != 0 {
		h.Errorf("capture %d, of %s: exit %d after %v\n%s%s", h.seen.captures, node, code, took, out, stderr)
		return
	}
	var m manifest
	h.decode(out, &m)
	p := h.prove(node, snapshot.Name(m.Name))
	h.seen.proved(p)
	if leads = leads && h.leader() == node; leads {
		h.seen.leader++
	} else if len(missing(before, after, p.State)) > 0 {
		h.seen.behind++
		before = long
	}
	for _, lost := range missing(before, after, p.State) {
		h.Errorf("capture %d, of %s, leader: %v, %s: %s", h.seen.captures, node, leads, p.State, lost)
	}
}

// prove opens the stored snapshot with the unlock key that its manifest names,
// finds in it what the manifest says, and removes it.
func (h *hotRun) prove(node string, name snapshot.Name) *snapshot.Proof {
	h.Helper()
	m, _, err := snapshot.Load(h.Context(), h.store, name, []string{h.verifier(node)})
	h.check(err)
	h.check(snapshot.Check(h.Context(), h.store, m))
	opened, err := snapshot.Fetch(h.Context(), h.store, m, h.identity, h.dir)
	h.check(err)
	key := h.keys.find(h.T, m.Contents.KeyFingerprint)
	h.check(snapshot.ProveManifest(opened, m, key))
	p, err := snapshot.Prove(opened, key)
	h.check(err)
	h.check(opened.Close())
	h.check(h.store.Delete(h.Context(), name.Manifest()))
	h.check(h.store.Delete(h.Context(), name.Archive()))
	return p
}

func (f *fixture) identities() *snapshot.Identities {
	f.Helper()
	file, err := os.Open(f.identity())
	f.check(err)
	defer file.Close()
	ids, err := snapshot.ParseIdentities(file)
	f.check(err)
	return ids
}

// verifier is the public half of the key that a manager signs with.
func (f *fixture) verifier(node string) string {
	f.Helper()
	public, err := os.ReadFile(f.node(node).Dir() + "/swarmdr/signing.pub")
	f.check(err)
	return strings.TrimSpace(string(public))
}
