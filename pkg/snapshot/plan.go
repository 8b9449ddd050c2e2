package snapshot

import (
	"context"
	"errors"
	"time"
)

// orphanAge is after what time an archive without a manifest is no backup that
// is being written any more.
const orphanAge = 24 * time.Hour

// PlanExpiry lists the snapshots whose name begins with prefix, loads their
// manifests and decides which are to go, as NewPlan does and with its errors.
// trusted is as in Candidates. It changes nothing.
func PlanExpiry(ctx context.Context, s Store, prefix string, policy Policy, trusted []string, now time.Time) (*Plan, error) {
	if err := policy.check(); err != nil {
		return nil, err
	}
	entries, err := Entries(ctx, s, prefix)
	if err != nil {
		return nil, err
	}
	candidates, err := Candidates(ctx, s, entries, trusted)
	if err != nil {
		return nil, err
	}
	if err := findLocks(ctx, s, policy, candidates, now); err != nil {
		return nil, err
	}
	plan, err := NewPlan(policy, candidates, now)
	if plan == nil {
		return nil, err
	}
	plan.Prefix = prefix
	now = storeTime(entries, now)
	for _, e := range entries {
		if e.orphaned(now) {
			plan.Orphans = append(plan.Orphans, e.Name)
		}
	}
	return plan, err
}

// storeTime is when the store was last written to, or now if that is earlier.
// By a clock of ours that is ahead, a backup that is being written would look
// like an orphan.
func storeTime(entries []Entry, now time.Time) time.Time {
	latest := time.Time{}
	for _, e := range entries {
		latest = later(latest, e.Modified)
	}
	if latest.Before(now) {
		return latest
	}
	return now
}

// orphaned says that e is what a killed backup or a killed expiry left.
func (e Entry) orphaned(now time.Time) bool {
	return !e.Manifest && !e.Protected && now.Sub(e.Modified) > orphanAge
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// findLocks asks the store only for the locks of what would go without one.
func findLocks(ctx context.Context, s Store, policy Policy, candidates []Candidate, now time.Time) error {
	policy.AllowShrink = true
	plan, err := NewPlan(policy, candidates, now)
	if err != nil {
		return err
	}
	until, errs := make([]time.Time, len(plan.Remove)), make([]error, len(plan.Remove))
	inParallel(len(plan.Remove), func(i int) {
		until[i], errs[i] = lockedUntil(ctx, s, plan.Remove[i].Name)
	})
	locks := map[Name]time.Time{}
	for i, c := range plan.Remove {
		locks[c.Name] = until[i]
	}
	for i, c := range candidates {
		candidates[i].LockedUntil = locks[c.Name]
	}
	return errors.Join(errs...)
}

// lockedUntil is the later lock of manifest and archive: half a snapshot is none.
func lockedUntil(ctx context.Context, s Store, name Name) (time.Time, error) {
	locks, ok := s.(Locker)
	if !ok {
		return time.Time{}, nil
	}
	latest := time.Time{}
	for _, object := range []string{name.Manifest(), name.Archive()} {
		until, err := locks.LockedUntil(ctx, object)
		if errors.Is(err, ErrNotExist) {
			continue
		}
		if err != nil {
			return time.Time{}, storeError(s, err)
		}
		latest = later(latest, until)
	}
	return latest, nil
}
