package keyring

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/swarmdr/swarmdr/internal/engine"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// What became of a manager that was to be unlocked.
const (
	Unlocked     = "unlocked"
	WasNotLocked = "was not locked"
	WrongKey     = "wrong key"
	TimedOut     = "timed out"
	Failed       = "failed"
)

// ErrNoAnswer is an outcome's error when the engine did not even tell its state
// before the limit: without a leader it takes 20 s to do so.
var ErrNoAnswer = errors.New("no answer from the engine: it may be waiting for a leader")

// Engine is the API of one manager.
type Engine interface {
	Status(ctx context.Context) (engine.Status, error)
	Unlock(ctx context.Context, key string) error
}

// Target is a manager to unlock. An empty Name is the host name that its
// engine tells.
type Target struct {
	Name, Host string
	Engine     Engine
}

// Outcome is what became of a target. Err is nil when it is unlocked now.
type Outcome struct {
	Name, Host, State string
	Err               error
}

// UnlockAll hands the key to all targets that are locked, at once: the first of
// them waits for the others, until there is a quorum. It returns when each is
// unlocked or has failed, and after limit at the latest, in the order of the
// targets.
//
// The errors of the outcomes are engine.ErrUnlockRefused for a wrong key,
// engine.ErrUnlockHangs when the limit passed without a quorum, ErrNoAnswer, and
// those of the engine.
func UnlockAll(ctx context.Context, targets []Target, key unlock.Key, limit time.Duration) []Outcome {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	outcomes := make([]Outcome, len(targets))
	var wg sync.WaitGroup
	for i, t := range targets {
		wg.Go(func() { outcomes[i] = t.unlock(ctx, key) })
	}
	wg.Wait()
	return outcomes
}

func (t Target) unlock(ctx context.Context, key unlock.Key) Outcome {
	o := Outcome{Name: t.Name, Host: t.Host}
	asked, waits := false, false
	for {
		st, err := t.Engine.Status(ctx)
		if err == nil && o.Name == "" {
			o.Name = st.Hostname
		}
		switch {
		case ctx.Err() != nil:
			return o.timedOut(ctx.Err(), asked || waits, err)
		case err != nil:
			return o.with(Failed, err)
		case st.State == engine.StateActive && asked:
			return o.with(Unlocked, nil)
		case st.State == engine.StateActive:
			return o.with(WasNotLocked, nil)
		case st.State == engine.StateInactive:
			return o.with(Failed, engine.ErrNotManager)
		case st.State == engine.StateError:
			return o.with(Failed, fmt.Errorf("the node is in error: %s", st.Error))
		case st.State == engine.StatePending:
			waits = true // of an earlier unlock
		case st.State == engine.StateLocked && !asked:
			asked = true
			if done, out := o.ask(ctx, t.Engine, key); done {
				return out
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(takeEvery):
		}
	}
}

// ask hands over the key. An engine that does not answer may still come up.
func (o Outcome) ask(ctx context.Context, e Engine, key unlock.Key) (done bool, out Outcome) {
	err := e.Unlock(ctx, key.Reveal())
	switch {
	case err == nil, errors.Is(err, engine.ErrUnlockHangs):
		return false, o
	case errors.Is(err, engine.ErrUnlockRefused):
		return true, o.with(WrongKey, err)
	case ctx.Err() != nil:
		return true, o.timedOut(ctx.Err(), true, nil)
	}
	return true, o.with(Failed, err)
}

// timedOut tells an interrupt, an engine that has its key and waits for a
// leader, and one that does not answer.
func (o Outcome) timedOut(cause error, waits bool, unanswered error) Outcome {
	switch {
	case !errors.Is(cause, context.DeadlineExceeded):
	case waits:
		cause = engine.ErrUnlockHangs
	case unanswered != nil:
		cause = ErrNoAnswer
	}
	return o.with(TimedOut, cause)
}

func (o Outcome) with(state string, err error) Outcome {
	o.State, o.Err = state, err
	return o
}
