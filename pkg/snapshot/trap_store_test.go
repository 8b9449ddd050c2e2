package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// vault#12168: a snapshot was cut on its way, and the upload was a success.
func TestTrap05TruncatedUploadReportedAsSuccess(t *testing.T) {
	for _, kind := range []string{".tar.zst.age", ".json"} {
		t.Run(kind, func(t *testing.T) {
			r := newRig(t, fixture.Autolock, snapshot.Hot)
			short := &shortStore{Store: r.store.Store, suffix: kind}
			r.store.Store = short
			r.fails(t, snapshot.ErrReadBack)
			if short.kept == 0 {
				t.Error("nothing was cut")
			}
		})
	}
}

// shortStore is a fake, as no server at hand does it on request: it keeps half
// of an object and calls it stored.
type shortStore struct {
	snapshot.Store
	suffix string
	kept   int
}

func (s *shortStore) Put(ctx context.Context, name string, fill func(io.Writer) error) error {
	if !strings.HasSuffix(name, s.suffix) {
		return s.Store.Put(ctx, name, fill)
	}
	var whole bytes.Buffer
	if err := fill(&whole); err != nil {
		return err
	}
	s.kept = whole.Len() / 2
	return s.Store.Put(ctx, name, func(w io.Writer) error {
		_, err := w.Write(whole.Bytes()[:s.kept])
		return err
	})
}

// The ways in which a retention removed the last snapshot that could be
// restored.
func TestTrap06RetentionDeletesTheOnlyRestorableChain(t *testing.T) {
	t.Run("new key", trapNewKey)
	t.Run("clock jump", trapClockJump)
	t.Run("policy shrink", trapPolicyShrink)
	t.Run("bogus snapshots", trapBogusSnapshots)
}

// pgbackrest#680: after a new key the old backups counted for nothing and went.
func trapNewKey(t *testing.T) {
	s := newShelf(t)
	var old []snapshot.Name
	for hours := range 4 {
		old = append(old, s.add(t, "c", "n", 10+hours))
	}
	s.signer, s.verifier = newSigner(t)
	two := snapshot.Policy{Last: 2}
	wantNames(t, "would go before the first with the new key", removedBy(s.plan(t, two)), old[2], old[3])
	young := []snapshot.Name{s.add(t, "c", "n", 1), s.add(t, "c", "n", 2), s.add(t, "c", "n", 3)}
	s.expire(t, s.plan(t, two))
	s.wantStored(t, []snapshot.Name{young[0], young[1], old[0], old[1]})
}

func removedBy(plan *snapshot.Plan) []snapshot.Name {
	var names []snapshot.Name
	for _, c := range plan.Remove {
		names = append(names, c.Name)
	}
	return names
}

// A clock that is years ahead makes every snapshot old, and what is taken
// meanwhile the newest for years (restic warns of it in `forget`).
func trapClockJump(t *testing.T) {
	s := newShelf(t)
	c := s.addAll(t, "c", 6)
	ahead, behind := time.Now().AddDate(10, 0, 0), time.Now().AddDate(-10, 0, 0)
	month := snapshot.Policy{Within: 30 * 24 * time.Hour}
	shrink := (*snapshot.ShrinkError)(nil)
	if _, err := snapshot.PlanExpiry(t.Context(), s, "", month, []string{s.verifier}, ahead); !errors.As(err, &shrink) {
		t.Errorf("ten years ahead: %v", err)
	}
	month.AllowShrink = true
	plan, err := snapshot.PlanExpiry(t.Context(), s, "", month, []string{s.verifier}, ahead)
	if err != nil || slices.Contains(removedBy(plan), c[0]) {
		t.Errorf("ten years ahead, forced: %v, %v", removedBy(plan), err)
	}
	plan, err = snapshot.PlanExpiry(t.Context(), s, "", month, []string{s.verifier}, behind)
	if err != nil || len(plan.Remove) > 0 {
		t.Errorf("ten years behind: %v, %v", removedBy(plan), err)
	}

	taken := []snapshot.Name{s.add(t, "c", "n", -90_000), s.add(t, "c", "n", -90_001)}
	s.expire(t, s.plan(t, snapshot.Policy{Last: 2}))
	s.wantStored(t, append(taken, c[:2]...))
}

// k3s#13769: an upgrade brought a smaller default, and the history was cut to
// five.
func trapPolicyShrink(t *testing.T) {
	s := newShelf(t)
	c := s.addAll(t, "c", 20)
	shrink := (*snapshot.ShrinkError)(nil)
	plan, err := snapshot.PlanExpiry(t.Context(), s, "", snapshot.Policy{Last: 5}, []string{s.verifier}, time.Now())
	if !errors.As(err, &shrink) || shrink.Remove != 15 {
		t.Fatalf("got %v", err)
	}
	if _, err := snapshot.Expire(t.Context(), s, plan); !errors.As(err, &shrink) {
		t.Errorf("the refused plan: %v", err)
	}
	s.wantStored(t, c)
	if _, err := snapshot.PlanExpiry(t.Context(), s, "", snapshot.Policy{}, []string{s.verifier}, time.Now()); !errors.Is(err, snapshot.ErrEmptyPolicy) {
		t.Errorf("no policy at all: %v", err)
	}
}

// restic's documentation: who can write the repository adds snapshots until
// `forget` removes the true ones.
func trapBogusSnapshots(t *testing.T) {
	s := newShelf(t)
	stranger, _ := newSigner(t)
	var signed, planted []snapshot.Name
	for hours := range 3 {
		signed = append(signed, s.add(t, "c", "n", 100+hours))
	}
	for hours := range 10 {
		planted = append(planted, s.addSigned(t, "c", "n", 1+hours, stranger))
	}
	s.expire(t, s.plan(t, snapshot.Policy{Last: 2}))
	s.wantStored(t, append(planted[:2], signed[:2]...))
}
