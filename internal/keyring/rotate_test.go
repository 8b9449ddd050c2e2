package keyring_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/engine"
	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/internal/keyring"
	"github.com/swarmdr/swarmdr/internal/quorum"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

const cluster = "abcdefghijklmnopqrstuvwxy"

// fakeSwarm stands for a swarm whose calls fail at the moment that a test
// chooses, which real ones do not. internal/e2e rotates real ones.
type fakeSwarm struct {
	t       *testing.T
	key     unlock.Key
	off     bool
	version uint64
	view    quorum.View
	dirs    map[string]string // node keys that take a new key
	// rotateErr is what the rotation answers, and done whether it is done then.
	rotateErr error
	done      bool
	// askErr is what the swarm says when asked for its key after that.
	askErr  error
	rotated int
}

func (s *fakeSwarm) Cluster(context.Context) (engine.Cluster, error) {
	return engine.Cluster{ID: cluster, Version: s.version, Autolock: !s.off}, nil
}

func (s *fakeSwarm) Quorum(context.Context) (quorum.View, error) { return s.view, nil }

func (s *fakeSwarm) UnlockKey(ctx context.Context) (string, error) {
	if s.rotated > 0 && s.askErr != nil {
		return "", s.askErr
	}
	return s.key.Reveal(), ctx.Err()
}

func (s *fakeSwarm) RotateUnlockKey(context.Context) error {
	s.rotated++
	if s.done {
		old := s.key
		s.key, s.version = generateKey(s.t), s.version+5
		for _, dir := range s.dirs {
			relock(s.t, dir, old, s.key, s.version)
		}
	}
	return s.rotateErr
}

// relock does to a node key what a manager does that takes a new key.
func relock(t *testing.T, dir string, old, key unlock.Key, version uint64) {
	t.Helper()
	path := filepath.Join(dir, "certificates", "swarm-node.key")
	n, err := unlock.OpenNodeKey([]byte(read(t, path)), old)
	must(t, err)
	file, err := n.Lock(key, version)
	must(t, err)
	must(t, os.WriteFile(path, file, 0o600))
}

// rig is a rotation of a swarm of three, of which the first node key is at
// hand.
type rig struct {
	*keyring.Rotation
	swarm    *fakeSwarm
	identity []byte
}

func newRig(t *testing.T) rig {
	t.Helper()
	recorded := fixture.Copy(t, fixture.Autolock)
	identity, recipient := newIdentity(t)
	s := &fakeSwarm{t: t, key: recorded.Key, version: 10, done: true, dirs: map[string]string{"n1": recorded.Dir}}
	for _, name := range []string{"1", "2", "3"} {
		s.view.Voters = append(s.view.Voters, quorum.Voter{ID: "n" + name, Hostname: "m" + name, Reach: quorum.Reachable})
	}
	return rig{&keyring.Rotation{
		Swarm: s, StateDir: filepath.Join(t.TempDir(), "state"), Recipients: []string{recipient},
		Out: filepath.Join(t.TempDir(), "new.key"), Dirs: s.dirs, Progress: func(string) {},
	}, s, identity}
}

// alone leaves only the manager whose node key is at hand: nothing has to
// settle.
func (r rig) alone() rig {
	r.swarm.view.Voters = r.swarm.view.Voters[:1]
	return r
}

func (r rig) escrowOf(key unlock.Key) string {
	return filepath.Join(r.StateDir, keyring.EscrowName(key))
}

func TestRotate(t *testing.T) {
	r := newRig(t)
	old := r.swarm.key
	result, err := r.Run(t.Context())
	must(t, err)
	if result.Old != old.Fingerprint() || result.New != r.swarm.key.Fingerprint() || !result.Rotated || result.Version != 15 {
		t.Errorf("%+v", result)
	}
	var states []string
	for _, m := range result.Managers {
		states = append(states, m.Hostname+" "+m.State)
	}
	if got := strings.Join(states, ", "); got != "m1 proven, m2 assumed, m3 assumed" {
		t.Errorf("managers: %s", got)
	}
	wantOpens(t, r.escrowOf(old), r.identity, old)
	wantOpens(t, r.escrowOf(r.swarm.key), r.identity, r.swarm.key)
	if read(t, r.Out) != r.swarm.key.Reveal()+"\n" {
		t.Error("the new key is not in --out")
	}
	h, err := keyring.Load(r.StateDir)
	must(t, err)
	if len(h.Keys) != 2 || h.Rotating != nil || h.Keys[0].Rotated.IsZero() || !h.Keys[1].Made || h.Keys[1].Version != 15 || h.Keys[0].Version != 10 {
		t.Errorf("history %+v", h)
	}
	for _, e := range h.Keys {
		if len(e.Escrows) != 1 {
			t.Errorf("escrows of %s: %v", e.Fingerprint, e.Escrows)
		}
	}
	if text := read(t, filepath.Join(r.StateDir, "unlock-keys.json")); strings.Contains(text, "SWMKEY") {
		t.Error("there is a key in the history")
	}
}

func TestRotateRefuses(t *testing.T) {
	silent := func(r rig) { r.swarm.view.Voters[2].Reach = quorum.Unreachable }
	for _, c := range []struct {
		name    string
		arrange func(rig)
		want    error
	}{
		{"a manager is away", silent, keyring.ErrMissed},
		{"autolock is off", func(r rig) { r.swarm.off = true }, engine.ErrNoAutolock},
		{"the file is there", func(r rig) { must(t, os.WriteFile(r.Out, nil, 0o600)) }, os.ErrExist},
		{"no directory for the file", func(r rig) { r.Out = "/nowhere/key" }, os.ErrNotExist},
		{"no key file to replace", func(r rig) { r.KeyFile = "/nowhere/key" }, os.ErrNotExist},
		{"a recipient that is none", func(r rig) { r.Recipients = []string{"age1"} }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			c.arrange(r)
			result, err := r.Run(t.Context())
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if result != nil || r.swarm.rotated != 0 {
				t.Errorf("rotated %d times, %+v", r.swarm.rotated, result)
			}
		})
	}
}

// A manager that is away is named, and misses the key when that is allowed.
func TestRotateAllowMissed(t *testing.T) {
	r := newRig(t).alone()
	r.swarm.view.Voters = append(r.swarm.view.Voters, quorum.Voter{ID: "n9", Hostname: "m9", Reach: quorum.Unreachable})
	if _, err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "m9") {
		t.Errorf("got %v", err)
	}
	r.AllowMissed = true
	result, err := r.Run(t.Context())
	must(t, err)
	if result.Managers[0].State != keyring.TakenProven || result.Managers[1].State != keyring.TakenMissed {
		t.Errorf("%+v", result.Managers)
	}
}

// Twice is once: the second run refuses, unless it is asked for.
func TestRotateTwice(t *testing.T) {
	r := newRig(t).alone()
	_, err := r.Run(t.Context())
	must(t, err)
	r.Out = ""
	if _, err := r.Run(t.Context()); !errors.Is(err, keyring.ErrJustRotated) || r.swarm.rotated != 1 {
		t.Errorf("rotated %d times, %v", r.swarm.rotated, err)
	}
	r.Again = true
	_, err = r.Run(t.Context())
	must(t, err)
	h, err := keyring.Load(r.StateDir)
	must(t, err)
	if len(h.Keys) != 3 || r.swarm.rotated != 2 {
		t.Errorf("%d keys, rotated %d times", len(h.Keys), r.swarm.rotated)
	}
}

// What the swarm has counts, not how its call ended.
func TestRotateAnswerLost(t *testing.T) {
	r := newRig(t).alone()
	r.swarm.rotateErr = errors.New("connection reset")
	result, err := r.Run(t.Context())
	must(t, err)
	wantOpens(t, r.escrowOf(r.swarm.key), r.identity, r.swarm.key)
	if !result.Rotated {
		t.Errorf("%+v", result)
	}

	r = newRig(t).alone()
	r.swarm.done, r.swarm.rotateErr = false, errors.New("update out of sequence")
	if _, err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "kept its unlock key") {
		t.Errorf("refused by the swarm: %v", err)
	}
	r.swarm.done, r.swarm.rotateErr = true, nil
	result, err = r.Run(t.Context())
	must(t, err)
	if !result.Rotated || r.swarm.rotated != 2 {
		t.Errorf("after a refusal: rotated %d times, %+v", r.swarm.rotated, result)
	}
}

// A run that was cut off right after the rotation is finished by the next one,
// which does not rotate again.
func TestRotateFinishesWhatWasCutOff(t *testing.T) {
	r := newRig(t).alone()
	old := r.swarm.key
	cut, cancel := context.WithCancel(t.Context())
	r.Progress = func(step string) {
		if step == "saving the new key" {
			panic(cut) // as a kill would
		}
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = r.Run(cut)
	}()
	cancel()
	if _, err := os.Stat(r.Out); err == nil || r.swarm.rotated != 1 {
		t.Fatalf("it was not cut off there: rotated %d times", r.swarm.rotated)
	}
	again := newRig(t).alone()
	again.Swarm, again.StateDir, again.Dirs, again.Recipients = r.Swarm, r.StateDir, r.Dirs, r.Recipients
	result, err := again.Run(t.Context())
	must(t, err)
	if result.Rotated || r.swarm.rotated != 1 || result.Old != old.Fingerprint() || result.New != r.swarm.key.Fingerprint() {
		t.Errorf("rotated %d times, %+v", r.swarm.rotated, result)
	}
	wantOpens(t, r.escrowOf(r.swarm.key), r.identity, r.swarm.key)
	wantOpens(t, r.escrowOf(old), r.identity, old)
	if h, err := keyring.Load(r.StateDir); err != nil || h.Rotating != nil || len(h.Keys) != 2 {
		t.Errorf("history %+v, %v", h, err)
	}
}

// An interrupt between rotation and saving does not keep the key from being
// saved.
func TestRotateInterrupted(t *testing.T) {
	r := newRig(t).alone()
	ctx, cancel := context.WithCancel(t.Context())
	r.Progress = func(step string) {
		if step == "rotating" {
			cancel()
		}
	}
	_, err := r.Run(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	wantOpens(t, r.escrowOf(r.swarm.key), r.identity, r.swarm.key)
	if read(t, r.Out) != r.swarm.key.Reveal()+"\n" {
		t.Error("the new key is not in --out")
	}
}

// One place that fails does not keep the key from the others, and the next run
// tries that one again.
func TestRotateNotSaved(t *testing.T) {
	r := newRig(t).alone()
	dir := filepath.Dir(r.Out)
	r.Progress = func(step string) {
		if step == "saving the new key" {
			must(t, os.RemoveAll(dir))
		}
	}
	result, err := r.Run(t.Context())
	if !errors.Is(err, keyring.ErrNotSaved) || len(result.Saved) != 1 {
		t.Errorf("%+v, %v", result, err)
	}
	wantOpens(t, r.escrowOf(r.swarm.key), r.identity, r.swarm.key)
	must(t, os.Mkdir(dir, 0o700))
	r.Progress = func(string) {}
	result, err = r.Run(t.Context())
	must(t, err)
	if r.swarm.rotated != 1 || len(result.Saved) != 2 || read(t, r.Out) != r.swarm.key.Reveal()+"\n" {
		t.Errorf("rotated %d times, %+v", r.swarm.rotated, result)
	}
}

// What an earlier run did save is found saved.
func TestRotateSavedInPart(t *testing.T) {
	r := newRig(t).alone()
	r.KeyFile = filepath.Join(t.TempDir(), "held.key")
	must(t, os.WriteFile(r.KeyFile, []byte(r.swarm.key.Reveal()), 0o600))
	held := read(t, r.KeyFile)
	r.Progress = func(step string) {
		if step == "saving the new key" {
			must(t, os.WriteFile(r.KeyFile, []byte("no key"), 0o600))
		}
	}
	result, err := r.Run(t.Context())
	if !errors.Is(err, keyring.ErrNotSaved) || len(result.Saved) != 2 {
		t.Errorf("%+v, %v", result, err)
	}
	must(t, os.WriteFile(r.KeyFile, []byte(held), 0o600))
	r.Progress = func(string) {}
	result, err = r.Run(t.Context())
	must(t, err)
	if r.swarm.rotated != 1 || len(result.Saved) != 3 || read(t, r.KeyFile) != r.swarm.key.Reveal()+"\n" || read(t, result.Kept) != held+"\n" {
		t.Errorf("rotated %d times, %+v", r.swarm.rotated, result)
	}
}

// A manager that is listed as reachable and keeps its old key is told.
func TestRotateNotTaken(t *testing.T) {
	r := newRig(t).alone()
	r.swarm.dirs = nil
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	result, err := r.Run(ctx)
	if !errors.Is(err, keyring.ErrNotTaken) || result.Managers[0].State != keyring.TakenNot {
		t.Errorf("%+v, %v", result, err)
	}
	if h, err := keyring.Load(r.StateDir); err != nil || h.Newest(cluster).Fingerprint != r.swarm.key.Fingerprint() {
		t.Errorf("history %+v, %v", h, err)
	}
}
