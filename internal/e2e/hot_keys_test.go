package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// hotRaft lets raft snapshots be taken often, and keeps as little of the log as
// there can be.
func hotRaft(spec *swarm.Spec) {
	none := uint64(0)
	spec.Raft.SnapshotInterval, spec.Raft.KeepOldSnapshots, spec.Raft.LogEntriesForSlowFollowers = 100, &none, 50
}

func (f *fixture) setRaft(node string, change func(*swarm.Spec)) {
	f.Helper()
	c := f.client(node)
	defer c.Close()
	f.check(updateSwarm(f.Context(), c, false, change))
}

func updateSwarm(ctx context.Context, c *client.Client, rotate bool, change func(*swarm.Spec)) error {
	r, err := c.SwarmInspect(ctx, client.SwarmInspectOptions{})
	if err != nil {
		return err
	}
	change(&r.Swarm.Spec)
	_, err = c.SwarmUpdate(ctx, client.SwarmUpdateOptions{Version: r.Swarm.Version, Spec: r.Swarm.Spec, RotateManagerUnlockKey: rotate})
	return err
}

// rotator rotates the KEK again and again, and now and then the DEK: autolock
// is switched off and on.
type rotator struct {
	*client.Client
	host, last string // last is a file with the newest key
	stop       func()

	mu         sync.Mutex
	keys       map[string]unlock.Key // by fingerprint
	keks, deks int
}

const rotateEvery = 300 * time.Millisecond

func (f *fixture) rotateKeys(node string) *rotator {
	f.Helper()
	r := &rotator{Client: f.client(node), host: f.node(node).DockerHost(), last: filepath.Join(f.dir, "last.key"), keys: map[string]unlock.Key{}}
	f.check(r.note(f.Context()))
	ctx, cancel := context.WithCancel(f.Context())
	var wg sync.WaitGroup
	wg.Go(func() { r.run(ctx) })
	r.stop = sync.OnceFunc(func() { cancel(); wg.Wait(); r.Close() })
	f.Cleanup(r.stop)
	return r
}

// command prints the unlock key that the swarm tells. Without autolock there is
// none, and the manager is opened without.
func (r *rotator) command() string {
	return fmt.Sprintf("docker -H %s swarm unlock-key -q 2>/dev/null || cat %s", r.host, r.last)
}

func (r *rotator) run(ctx context.Context) {
	for i := 1; ctx.Err() == nil; i++ {
		if i%4 == 0 {
			r.rotateDEK(ctx)
		} else if updateSwarm(ctx, r.Client, true, func(*swarm.Spec) {}) == nil && r.note(ctx) == nil {
			r.count(&r.keks)
		}
		time.Sleep(rotateEvery)
	}
}

// rotateDEK goes on until autolock is on again: the next step needs it.
func (r *rotator) rotateDEK(ctx context.Context) {
	for _, on := range []bool{false, true} {
		for ctx.Err() == nil && updateSwarm(ctx, r.Client, false, func(s *swarm.Spec) { s.EncryptionConfig.AutoLockManagers = on }) != nil {
			time.Sleep(rotateEvery)
		}
		if !on {
			time.Sleep(rotateEvery)
		}
	}
	if r.note(ctx) == nil {
		r.count(&r.deks)
	}
}

func (r *rotator) count(n *int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*n++
}

func (r *rotator) counts() (keks, deks int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keks, r.deks
}

// note keeps the key of the moment.
func (r *rotator) note(ctx context.Context) error {
	told, err := r.SwarmGetUnlockKey(ctx)
	if err != nil {
		return err
	}
	key, err := unlock.ParseKey(told.Key)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys[key.Fingerprint()] = key
	return durable.WriteFile(r.last, []byte(told.Key+"\n"), 0o600)
}

// find waits for the key of a fingerprint: a capture may read it before note
// does.
func (r *rotator) find(t *testing.T, fingerprint string) unlock.Key {
	t.Helper()
	for begin := time.Now(); fingerprint != ""; time.Sleep(50 * time.Millisecond) {
		r.mu.Lock()
		key, ok := r.keys[fingerprint]
		r.mu.Unlock()
		if ok {
			return key
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatalf("no key of the fingerprint %s is known", fingerprint)
		}
	}
	return unlock.Key{}
}
