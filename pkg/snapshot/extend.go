package snapshot

import (
	"context"
	"errors"
	"time"
)

// ExtendLocks keeps the snapshots that stay in the plan locked until then, so
// that nobody who got hold of the store's credentials can delete them meanwhile.
// It returns the names of those whose lock it extended; longer locks stay. It
// goes on after a failure; all failures are in the error. ErrNoLock says that
// the store has no locks.
func ExtendLocks(ctx context.Context, s Store, plan *Plan, until time.Time) ([]Name, error) {
	locks, ok := s.(Locker)
	if !ok {
		return nil, storeError(s, ErrNoLock)
	}
	extended, errs := make([]bool, len(plan.Keep)), make([]error, len(plan.Keep))
	inParallel(len(plan.Keep), func(i int) {
		if !plan.Keep[i].Future {
			extended[i], errs[i] = extend(ctx, locks, plan.Keep[i].Name, until)
		}
	})
	names := []Name{}
	for i, k := range plan.Keep {
		if extended[i] {
			names = append(names, k.Name)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return names, storeError(s, err)
	}
	return names, nil
}

// extend passes over what vanished meanwhile.
func extend(ctx context.Context, locks Locker, name Name, until time.Time) (bool, error) {
	extended := false
	for _, object := range []string{name.Archive(), name.Manifest()} {
		now, err := locks.LockedUntil(ctx, object)
		if err == nil && now.Before(until) {
			extended, err = true, locks.Lock(ctx, object, until)
		}
		if err != nil && !errors.Is(err, ErrNotExist) {
			return false, err
		}
	}
	return extended, nil
}
