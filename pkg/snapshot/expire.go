package snapshot

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrStalePlan is in the error's tree when Expire left a manager alone: a
// snapshot that the plan relies on is gone or bad by now.
var ErrStalePlan = errors.New("a snapshot that was to stay is gone or bad since the plan was made")

// Expired is what Expire did: what it removed, and what of the plan it let
// stay: Locked by the store, Spared because it was protected, removed by
// somebody else or its archive replaced since the plan was made.
type Expired struct {
	Removed []Name `json:"removed"`
	Orphans []Name `json:"orphans"`
	Locked  []Name `json:"locked"`
	Spared  []Name `json:"spared"`
}

// Expire carries out the plan. Of each snapshot it removes the manifest first:
// a kill leaves an archive that is no snapshot any more, and that a later plan
// finds as an orphan. Before it removes anything it reads the listing again,
// and looks for a keep marker and a lock before each removal.
//
// It goes on after a failure; all failures are in the error. A refused plan
// is the *ShrinkError of NewPlan, and nothing is removed.
func Expire(ctx context.Context, s Store, plan *Plan) (*Expired, error) {
	e := &expiry{store: s, entries: map[Name]Entry{}}
	e.done = Expired{Removed: []Name{}, Orphans: []Name{}, Locked: []Name{}, Spared: []Name{}}
	if plan.refused != nil {
		return &e.done, plan.refused
	}
	entries, err := Entries(ctx, s, plan.Prefix)
	if err != nil {
		return &e.done, err
	}
	for _, entry := range entries {
		e.entries[entry.Name] = entry
	}
	e.now = storeTime(entries, time.Now())
	e.snapshots(ctx, plan)
	e.orphans(ctx, plan)
	return &e.done, errors.Join(e.errs...)
}

type expiry struct {
	store   Store
	entries map[Name]Entry
	now     time.Time // by the clock of the store
	done    Expired
	errs    []error
}

func (e *expiry) snapshots(ctx context.Context, plan *Plan) {
	stale := e.stale(plan)
	for _, c := range plan.Remove {
		if ctx.Err() != nil {
			e.fail(ctx.Err())
			return
		}
		if !stale[c.Name.manager()] {
			e.snapshot(ctx, c)
		}
	}
}

// stale tells the managers that lost a snapshot which was to stay.
func (e *expiry) stale(plan *Plan) map[string]bool {
	stale := map[string]bool{}
	for _, k := range plan.Keep {
		now, manager := e.entries[k.Name], k.Name.manager()
		if stale[manager] || now.Manifest && now.Size == k.Size && (!now.Bad || !k.Verified) {
			continue
		}
		stale[manager] = true
		e.fail(fmt.Errorf("%s: %w", k.Name, ErrStalePlan))
	}
	return stale
}

func (e *expiry) snapshot(ctx context.Context, c Candidate) {
	now := e.entries[c.Name]
	free, err := e.free(ctx, c.Name)
	switch {
	case err != nil:
		e.fail(err)
	case !now.Manifest || now.Size != c.Size || !free:
		e.done.Spared = append(e.done.Spared, c.Name)
	default:
		e.remove(ctx, c.Name)
	}
}

// free says that there is no keep marker; it asks anew, for a removal of many
// snapshots takes minutes.
func (e *expiry) free(ctx context.Context, name Name) (bool, error) {
	r, err := e.store.Get(ctx, name.keep())
	if errors.Is(err, ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, storeError(e.store, err)
	}
	return false, r.Close()
}

func (e *expiry) remove(ctx context.Context, name Name) {
	until, err := lockedUntil(ctx, e.store, name)
	if err != nil {
		e.fail(err)
		return
	}
	if until.After(time.Now()) {
		e.done.Locked = append(e.done.Locked, name)
		return
	}
	if e.delete(ctx, name, name.Manifest(), name.Archive(), name.bad()) {
		e.done.Removed = append(e.done.Removed, name)
	}
}

func (e *expiry) orphans(ctx context.Context, plan *Plan) {
	for _, name := range plan.Orphans {
		if ctx.Err() != nil {
			e.fail(ctx.Err())
			return
		}
		now, ok := e.entries[name]
		if !ok || !now.orphaned(e.now) {
			continue
		}
		if e.delete(ctx, name, name.Archive(), name.bad()) {
			e.done.Orphans = append(e.done.Orphans, name)
		}
	}
}

// delete removes the objects of name in this order and stops at the first that
// does not go.
func (e *expiry) delete(ctx context.Context, name Name, objects ...string) bool {
	for _, object := range objects {
		err := e.store.Delete(ctx, object)
		if errors.Is(err, ErrLocked) {
			e.done.Locked = append(e.done.Locked, name)
			return false
		}
		if err != nil {
			e.fail(storeError(e.store, err))
			return false
		}
	}
	return true
}

func (e *expiry) fail(err error) { e.errs = append(e.errs, err) }
