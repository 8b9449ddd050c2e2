package keyring_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/engine"
	"github.com/swarmdr/swarmdr/internal/keyring"
)

// fakeEngine stands for engines in states that real ones pass too quickly.
// internal/e2e unlocks real ones.
type fakeEngine struct {
	mu        sync.Mutex
	states    []engine.NodeState // one a question, the last for ever
	statusErr error
	silent    bool
	unlock    func(ctx context.Context, e *fakeEngine) error
	unlocks   int
}

func (e *fakeEngine) Status(ctx context.Context) (engine.Status, error) {
	if e.silent {
		<-ctx.Done()
		return engine.Status{}, ctx.Err()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	state := e.states[0]
	if len(e.states) > 1 {
		e.states = e.states[1:]
	}
	return engine.Status{State: state, Hostname: "host", Error: "its words"}, errors.Join(e.statusErr, ctx.Err())
}

func (e *fakeEngine) Unlock(ctx context.Context, _ string) error {
	e.unlocks++
	return e.unlock(ctx, e)
}

func opens(_ context.Context, e *fakeEngine) error {
	e.states = []engine.NodeState{engine.StatePending, engine.StateActive}
	return nil
}

func hangs(ctx context.Context, e *fakeEngine) error {
	e.states = []engine.NodeState{engine.StatePending}
	<-ctx.Done()
	return engine.ErrUnlockHangs
}

func refuses(context.Context, *fakeEngine) error { return engine.ErrUnlockRefused }

func breaks(context.Context, *fakeEngine) error { return engine.ErrUnavailable }

func TestUnlockAll(t *testing.T) {
	type states = []engine.NodeState
	for _, c := range []struct {
		name   string
		engine *fakeEngine
		state  string
		err    error
		asked  int
	}{
		{"locked", &fakeEngine{states: states{engine.StateLocked}, unlock: opens}, keyring.Unlocked, nil, 1},
		{"just started", &fakeEngine{states: states{engine.StatePending, engine.StateLocked}, unlock: opens}, keyring.Unlocked, nil, 1},
		{"unlocked", &fakeEngine{states: states{engine.StateActive}}, keyring.WasNotLocked, nil, 0},
		{"just unlocked by another", &fakeEngine{states: states{engine.StatePending, engine.StateActive}}, keyring.WasNotLocked, nil, 0},
		{"wrong key", &fakeEngine{states: states{engine.StateLocked}, unlock: refuses}, keyring.WrongKey, engine.ErrUnlockRefused, 1},
		{"no quorum", &fakeEngine{states: states{engine.StateLocked}, unlock: hangs}, keyring.TimedOut, engine.ErrUnlockHangs, 1},
		{"no quorum, from before", &fakeEngine{states: states{engine.StatePending}}, keyring.TimedOut, engine.ErrUnlockHangs, 0},
		{"silent", &fakeEngine{silent: true}, keyring.TimedOut, keyring.ErrNoAnswer, 0},
		{"no swarm", &fakeEngine{states: states{engine.StateInactive}}, keyring.Failed, engine.ErrNotManager, 0},
		{"in error", &fakeEngine{states: states{engine.StateError}}, keyring.Failed, nil, 0},
		{"down", &fakeEngine{states: states{engine.StateActive}, statusErr: engine.ErrUnavailable}, keyring.Failed, engine.ErrUnavailable, 0},
		{"gone meanwhile", &fakeEngine{states: states{engine.StateLocked}, unlock: breaks}, keyring.Failed, engine.ErrUnavailable, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := keyring.UnlockAll(t.Context(), []keyring.Target{{Engine: c.engine}}, generateKey(t), 3*time.Second)[0]
			if got.State != c.state || c.err != nil && !errors.Is(got.Err, c.err) || c.engine.unlocks != c.asked {
				t.Errorf("%+v, asked %d times", got, c.engine.unlocks)
			}
			if good := got.State == keyring.Unlocked || got.State == keyring.WasNotLocked; good != (got.Err == nil) {
				t.Errorf("%s with %v", got.State, got.Err)
			}
		})
	}
}

// One alone cannot come up: all are handed the key before any has answered.
func TestUnlockAllAtOnce(t *testing.T) {
	arrived := make(chan struct{}, 3)
	var targets []keyring.Target
	for i := range 3 {
		targets = append(targets, keyring.Target{Name: fmt.Sprintf("m%d", i+1), Engine: &fakeEngine{
			states: []engine.NodeState{engine.StateLocked},
			unlock: func(ctx context.Context, e *fakeEngine) error {
				arrived <- struct{}{}
				for len(arrived) < 3 && ctx.Err() == nil {
					time.Sleep(time.Millisecond)
				}
				if ctx.Err() != nil {
					return engine.ErrUnlockHangs
				}
				return opens(ctx, e)
			},
		}})
	}
	for i, o := range keyring.UnlockAll(t.Context(), targets, generateKey(t), 2*time.Second) {
		if o.State != keyring.Unlocked || o.Name != targets[i].Name {
			t.Errorf("%+v", o)
		}
	}
}
