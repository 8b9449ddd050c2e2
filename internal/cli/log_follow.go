package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

const (
	followPause = 200 * time.Millisecond
	// followShare of the time at most is spent reading: one part in so many.
	followShare = 5
	followTries = 6
	// askAgain is how long an unlock key that does not fit is not asked for.
	askAgain = 30 * time.Second
)

// follower shows what a manager writes to its log. It reads the log anew when
// something was written, and begins with what was not certain the last time.
type follower struct {
	*viewer
	s      *Streams
	o      *logShowOptions
	src    *source
	out    *bufio.Writer
	unsure []position // taken, beyond the commit index of then
	again  []position // of unsure, those that this reading has still to find
	keys   raftlog.Decrypter
	keyErr error // why the node key does not open any more
	asked  time.Time
}

// position names an entry: another at the same index has another term.
type position struct{ index, term uint64 }

func runLogFollow(ctx context.Context, s *Streams, src *source, log *raftlog.Log, flt *filter, o *logShowOptions) error {
	f, err := newFollower(ctx, s, src, log, flt, o)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Err, "following from entry %d on; * is beyond the commit index on disk, which lags behind\n", f.next)
	return f.run(ctx)
}

func newFollower(ctx context.Context, s *Streams, src *source, log *raftlog.Log, flt *filter, o *logShowOptions) (*follower, error) {
	out := bufio.NewWriterSize(s.Out, outputBytes)
	f := &follower{viewer: newViewer(flt, newEntryPrinter(out, log, o)), s: s, o: o, src: src, out: out}
	start := log.LastIndex() + 1
	if flt.from != 0 || o.since != "" {
		start = max(flt.from, log.FirstIndex())
	}
	if !log.Clear() {
		if err := f.openKey(ctx); err != nil {
			return nil, err
		}
	}
	return f, errors.Join(f.printer.begin(), f.begin(log, start))
}

// run reads whenever something has changed. What fails while the engine writes
// is tried again.
func (f *follower) run(ctx context.Context) error {
	w := watch{fsys: f.src}
	for failures := 0; ; {
		took := time.Duration(0)
		if w.changed() {
			begin := time.Now()
			err := errors.Join(f.read(ctx), f.out.Flush())
			if failures++; err == nil {
				failures = 0
			} else if ctx.Err() != nil {
				return ctx.Err()
			} else if failures == followTries || !passing(err) {
				return err
			}
			if err != nil {
				w.forget()
			}
			took = time.Since(begin)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(followPause, (followShare-1)*took)):
		}
	}
}

// passing tells of errors that reading a log can end in while it is followed: a
// manager that is made a worker may come back.
func passing(err error) bool {
	return halfWritten(err) || errors.Is(err, raftlog.ErrNotSwarmDir) ||
		errors.Is(err, raftlog.ErrWorkerDir) || errors.Is(err, raftlog.ErrNotInLog)
}

// read shows what is new.
func (f *follower) read(ctx context.Context) error {
	log, err := f.open(ctx)
	if err != nil {
		return err
	}
	f.again = f.unsure
	from := f.next
	if len(f.again) > 0 {
		from = f.again[0].index
	}
	if err := f.walk(ctx, log, from, f.takeNew); err != nil {
		return f.explain(err)
	}
	if err := f.meet(log, log.LastIndex()+1); err != nil {
		return err
	}
	f.settle(max(log.HardState().Commit, log.RaftSnapshot().Index))
	return nil
}

// takeNew passes over entries that were taken before, as long as they are the
// same.
func (f *follower) takeNew(log *raftlog.Log, e *shownEntry) error {
	for len(f.again) > 0 && f.again[0].index < e.Index {
		f.again = f.again[1:]
	}
	if len(f.again) > 0 {
		if f.again[0].term == e.Term {
			return nil
		}
		if err := f.goBack(log, e.Index); err != nil {
			return err
		}
	}
	if e.Index < f.next {
		return nil
	}
	if err := f.meet(log, e.Index); err != nil {
		return err
	}
	f.unsure = append(f.unsure, position{e.Index, e.Term})
	return f.take(log, e)
}

// meet sees to it that index is the next, whatever became of the log.
func (f *follower) meet(log *raftlog.Log, index uint64) error {
	switch {
	case index < f.next:
		return f.goBack(log, index)
	case index > f.next:
		fmt.Fprintf(f.s.Err, "entries %d to %d were not seen: a raft snapshot of the leader stands for them\n", f.next, index-1)
		return f.begin(log, index)
	}
	return nil
}

// goBack forgets the entries from an index on: a new leader has dropped them, or
// another log was put in the place of this one.
func (f *follower) goBack(log *raftlog.Log, index uint64) error {
	fmt.Fprintf(f.s.Err, "entries %d to %d were replaced or dropped by a new leader, term %d\n", index, f.next-1, log.HardState().Term)
	for n := len(f.unsure); n > 0 && f.unsure[n-1].index >= index; n-- {
		f.unsure = f.unsure[:n-1]
	}
	f.again = nil
	return f.begin(log, index)
}

// settle drops what is committed: it stays.
func (f *follower) settle(commit uint64) {
	for len(f.unsure) > 0 && f.unsure[0].index <= commit {
		f.unsure = f.unsure[1:]
	}
}

// open reads the node key anew: the engine changes the DEK when autolock is
// switched on.
func (f *follower) open(ctx context.Context) (*raftlog.Log, error) {
	log, err := raftlog.Open(f.src, nil)
	if err != nil || log.Clear() {
		return log, err
	}
	if err := f.openKey(ctx); err != nil {
		return nil, err
	}
	log, err = log.With(f.keys)
	return log, f.explain(err)
}

// openKey goes on with the DEKs of before while the unlock key at hand does not
// open the node key: a rotation of the unlock key leaves them as they are.
func (f *follower) openKey(ctx context.Context) error {
	key, err := snapshot.OpenNodeKey(f.src, f.src.key)
	locked := errors.Is(err, unlock.ErrLocked) || errors.Is(err, unlock.ErrWrongKey)
	if locked && time.Since(f.asked) > askAgain {
		f.asked = time.Now()
		key, err = f.otherKey(ctx, err)
	}
	switch {
	case err == nil:
		f.keys, f.keyErr = key.DEKs(), nil
		return nil
	case !locked || f.keys == nil:
		return err
	}
	if f.keyErr == nil {
		fmt.Fprintf(f.s.Err, "going on with the keys of before: %v\n", err)
	}
	f.keyErr = err
	return nil
}

// otherKey asks for the unlock key again, which may have been rotated.
func (f *follower) otherKey(ctx context.Context, locked error) (*unlock.NodeKey, error) {
	cfg, err := f.o.load()
	if err != nil {
		return nil, err
	}
	unlockKey, err := f.o.keyOptions.read(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if unlockKey.IsZero() {
		return nil, locked
	}
	f.src.key = unlockKey
	return snapshot.OpenNodeKey(f.src, unlockKey)
}

// explain says why the DEKs are old ones.
func (f *follower) explain(err error) error {
	if f.keyErr != nil && errors.Is(err, unlock.ErrCannotDecrypt) {
		return f.keyErr
	}
	return err
}
