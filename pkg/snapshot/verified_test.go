package snapshot_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

func (s *shelf) candidates(t *testing.T, store snapshot.Store, trusted ...string) []snapshot.Candidate {
	t.Helper()
	entries, err := snapshot.Entries(t.Context(), store, "")
	if err != nil {
		t.Fatal(err)
	}
	all, err := snapshot.Candidates(t.Context(), store, entries, trusted)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCandidates(t *testing.T) {
	s := newShelf(t)
	stranger, _ := newSigner(t)
	good, marked, short := s.add(t, "c", "n", 1), s.add(t, "c", "n", 2), s.add(t, "c", "n", 3)
	bare, planted, broken := s.add(t, "c", "n", 4), s.addSigned(t, "c", "n", 5, stranger), aged("c", "n", 6)
	mustPut(t, s, string(marked)+".bad")
	s.replace(t, short)
	s.remove(t, bare.Archive())
	mustPut(t, s, string(planted)+".bad")
	put(t, s, broken.Manifest(), []byte("{}"))
	mustPut(t, s, aged("c", "n", 7).Archive()) // no snapshot
	mustPut(t, s, string(good)+".keep")
	want := []string{
		"verified protected 101", "bad: a verification failed", "other: the archive has 7 bytes, 103 in the manifest",
		"other: the archive is missing", "other: not signed by", "other: malformed manifest",
	}
	got := s.candidates(t, s, s.verifier)
	slices.Reverse(got)
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i, c := range got {
		if text := draw(c); !strings.HasPrefix(text, want[i]) {
			t.Errorf("%s: %s, want %s", c.Name, text, want[i])
		}
	}
	if got := s.candidates(t, s)[1]; !got.Bad || got.Name != planted {
		t.Errorf("without trusted signers: %+v", got)
	}
}

func draw(c snapshot.Candidate) string {
	switch problem := strings.TrimPrefix(c.Problem, c.Name.Manifest()+": "); {
	case c.Verified && c.Protected && c.Problem == "" && !c.Bad:
		return fmt.Sprint("verified protected ", c.Size)
	case c.Bad && !c.Verified:
		return "bad: " + problem
	default:
		return "other: " + problem
	}
}

// A store that stutters says nothing about a snapshot: no plan is made.
func TestCandidatesOfAFaultyStore(t *testing.T) {
	s := newShelf(t)
	s.addAll(t, "c", 20)
	faulty := &failingGet{Store: s, at: 13}
	plan, err := snapshot.PlanExpiry(t.Context(), faulty, "", snapshot.Policy{Last: 30}, []string{s.verifier}, time.Now())
	if !errors.Is(err, errFault) || plan != nil {
		t.Errorf("got %v, %v", plan, err)
	}
	plan, err = snapshot.PlanExpiry(t.Context(), s, "", snapshot.Policy{Last: 30}, []string{"nonsense"}, time.Now())
	if !errors.Is(err, snapshot.ErrBadVerifier) || plan != nil {
		t.Errorf("got %v, %v", plan, err)
	}
}

type failingGet struct {
	snapshot.Store
	at    int64
	calls atomic.Int64
}

func (f *failingGet) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if f.calls.Add(1) == f.at {
		return nil, errFault
	}
	return f.Store.Get(ctx, name)
}

func TestCandidateThatVanished(t *testing.T) {
	s := newShelf(t)
	c := s.addAll(t, "c", 3)
	entries, err := snapshot.Entries(t.Context(), s, "")
	if err != nil {
		t.Fatal(err)
	}
	s.remove(t, c[1].Manifest())
	all, err := snapshot.Candidates(t.Context(), s, entries, nil)
	if err != nil || len(all) != 2 || all[0].Name != c[2] || all[1].Name != c[0] {
		t.Errorf("got %+v, %v", all, err)
	}
}

func TestLoadAllKeepsTheOrder(t *testing.T) {
	s := newShelf(t)
	c := s.addAll(t, "c", 30)
	s.remove(t, c[7].Manifest())
	for i, l := range snapshot.LoadAll(t.Context(), s, c, []string{s.verifier}) {
		if i == 7 {
			if !errors.Is(l.Err, snapshot.ErrNotExist) || l.Manifest != nil {
				t.Errorf("%+v", l)
			}
		} else if l.Err != nil || l.Name != c[i] || l.Manifest.Name != c[i] || l.SignedBy != "m1" {
			t.Errorf("%+v", l)
		}
	}
}

func TestRecord(t *testing.T) {
	s := newShelf(t)
	name := s.add(t, "c", "n", 1)
	for _, step := range []struct {
		outcome      error
		full, marked bool
		left         int
	}{
		{nil, true, false, 0},
		{errFault, true, false, 0},
		{fmt.Errorf("x: %w", snapshot.ErrDigest), false, true, 1},
		{snapshot.ErrContents, true, true, 1}, // marked already
		{unlock.ErrWrongKey, true, false, 1},
		{nil, false, false, 1}, // digest and size alone do not clear it
		{nil, true, false, 0},
	} {
		marked, err := snapshot.Record(t.Context(), s, name, step.outcome, step.full, "test")
		if err != nil || marked != step.marked {
			t.Errorf("%v: %v, %v", step.outcome, marked, err)
		}
		all, err := snapshot.Failures(t.Context(), s, "")
		if err != nil || len(all) != step.left {
			t.Errorf("after %v: %+v, %v", step.outcome, all, err)
		}
		if len(all) > 0 && (all[0].Name != name || all[0].Reason != "x: "+snapshot.ErrDigest.Error() || all[0].By != "test") {
			t.Errorf("%+v", all[0])
		}
	}
}

func TestRecordInAFaultyStore(t *testing.T) {
	s := newShelf(t)
	name := s.add(t, "c", "n", 1)
	s.fail[string(name)+".bad"] = errFault
	if _, err := snapshot.Record(t.Context(), s, name, nil, true, ""); !errors.Is(err, errFault) {
		t.Errorf("got %v", err)
	}
	faulty := &faultyStore{Store: s, calls: &[]string{}, suffix: ".bad", before: errFault}
	if marked, err := snapshot.Record(t.Context(), faulty, name, snapshot.ErrDigest, false, ""); !errors.Is(err, errFault) || marked {
		t.Errorf("got %v, %v", marked, err)
	}
}

func TestCondemns(t *testing.T) {
	for _, err := range []error{
		snapshot.ErrDigest, snapshot.ErrNotSealed, snapshot.ErrNotArchive, snapshot.ErrContents,
		snapshot.ErrMismatch, snapshot.ErrIncomplete, &raftlog.DamageError{},
	} {
		if !snapshot.Condemns(fmt.Errorf("x: %w", err)) {
			t.Errorf("%v does not", err)
		}
	}
	for _, err := range []error{
		nil, errFault, snapshot.ErrStore, snapshot.ErrNoIdentity, snapshot.ErrUntrusted, snapshot.ErrNotExist,
		unlock.ErrWrongKey, unlock.ErrLocked, context.Canceled, io.ErrUnexpectedEOF,
	} {
		if snapshot.Condemns(err) {
			t.Errorf("%v does", err)
		}
	}
}
