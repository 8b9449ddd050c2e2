package e2e

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

const turnLabel = "turn"

// life is what the swarm acknowledged of an object.
type life struct {
	kind     raftlog.Kind
	turn     int  // its label at least
	removing bool // its removal was asked for
	removed  bool
}

// ledger holds what was acknowledged, by object ID.
type ledger struct {
	mu             sync.Mutex
	lives          map[string]life
	writes, failed int
	past           []page
}

// page is what the ledger held at a moment.
type page struct {
	at    time.Time
	lives map[string]life
}

func newLedger() *ledger { return &ledger{lives: map[string]life{}} }

// count takes note of one answer. What was asked for when the load was stopped
// is neither acknowledged nor refused.
func (l *ledger) count(ctx context.Context, err error) bool {
	switch {
	case err == nil:
		l.writes++
	case ctx.Err() == nil:
		l.failed++
	}
	return err == nil
}

func (l *ledger) created(ctx context.Context, kind raftlog.Kind, id string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count(ctx, err) {
		l.lives[id] = life{kind: kind}
	}
}

func (l *ledger) updated(ctx context.Context, id string, turn int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count(ctx, err) {
		one := l.lives[id]
		one.turn = turn
		l.lives[id] = one
	}
}

func (l *ledger) removing(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.lives[id]
	one.removing = true
	l.lives[id] = one
}

func (l *ledger) removed(ctx context.Context, id string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count(ctx, err) {
		one := l.lives[id]
		one.removed = true
		l.lives[id] = one
	}
}

func (l *ledger) now() map[string]life {
	l.mu.Lock()
	defer l.mu.Unlock()
	lives := maps.Clone(l.lives)
	l.past = append(l.past, page{time.Now(), lives})
	return lives
}

// before is what now returned last before so long ago; nil if it was not asked
// then.
func (l *ledger) before(d time.Duration) map[string]life {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.past) > 1 && time.Since(l.past[1].at) > d {
		l.past = l.past[1:]
	}
	if len(l.past) == 0 || time.Since(l.past[0].at) <= d {
		return nil
	}
	return l.past[0].lives
}

func (l *ledger) counts() (writes, failed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.writes, l.failed
}

// missing tells what was acknowledged before a capture and is not in the state
// that it holds. After it an object may have been removed that the copy still
// has, or has no more.
func missing(before, after map[string]life, st *raftlog.State) []string {
	var lost []string
	for id, was := range before {
		o, ok := st.Object(was.kind, id)
		switch {
		case was.removed && ok:
			lost = append(lost, fmt.Sprintf("%s %s is there, though it was removed", was.kind, id))
		case was.removed || after[id].removing:
		case !ok:
			lost = append(lost, fmt.Sprintf("%s %s is not there", was.kind, id))
		default:
			if turn, err := strconv.Atoi(o.Label(turnLabel)); err != nil || turn < was.turn {
				lost = append(lost, fmt.Sprintf("%s %s has the label %q, not %d", was.kind, id, o.Label(turnLabel), was.turn))
			}
		}
	}
	return lost
}
