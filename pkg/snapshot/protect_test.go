package snapshot_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

func TestProtect(t *testing.T) {
	s := newShelf(t)
	c := s.addAll(t, "c", 4)
	if err := snapshot.Protect(t.Context(), s, c[2], `before the "upgrade"`, "me"); err != nil {
		t.Fatal(err)
	}
	s.expire(t, s.plan(t, snapshot.Policy{Last: 1}))
	s.wantStored(t, []snapshot.Name{c[0], c[2]}, string(c[2])+".keep")
	all, err := snapshot.Protections(t.Context(), s, "")
	if err != nil || len(all) != 1 || all[0].Name != c[2] || all[0].Reason != `before the "upgrade"` || all[0].By != "me" {
		t.Errorf("got %+v, %v", all, err)
	}
	if age := time.Since(all[0].At); age < -time.Second || age > time.Minute {
		t.Errorf("at %v", all[0].At)
	}
	if err := snapshot.Unprotect(t.Context(), s, c[2]); err != nil {
		t.Fatal(err)
	}
	s.expire(t, s.plan(t, snapshot.Policy{Last: 1}))
	s.wantStored(t, c[:1])
}

func TestProtectRefuses(t *testing.T) {
	s := newShelf(t)
	name := s.add(t, "c", "n", 1)
	mustPut(t, s, aged("c", "n", 2).Archive())
	for _, other := range []snapshot.Name{"", "c/n", aged("c", "n", 2), aged("c", "n", 3), name + "x"} {
		if err := snapshot.Protect(t.Context(), s, other, "", ""); !errors.Is(err, snapshot.ErrNotExist) {
			t.Errorf("%q: %v", other, err)
		}
	}
	if err := snapshot.Protect(t.Context(), s, name, strings.Repeat("x", 4097), ""); err == nil {
		t.Error("a book was taken for a reason")
	}
	if err := snapshot.Protect(t.Context(), s, name, strings.Repeat("\x01", 4096), ""); err != nil {
		t.Error(err)
	}
	if err := snapshot.Protect(t.Context(), s, name, "again", ""); !errors.Is(err, snapshot.ErrExist) {
		t.Errorf("protected twice: %v", err)
	}
	if all, err := snapshot.Protections(t.Context(), s, "c/"); err != nil || len(all) != 1 || len(all[0].Reason) != 4096 {
		t.Errorf("%v, %v", all, err)
	}
	if err := snapshot.Unprotect(t.Context(), s, aged("c", "n", 9)); err != nil {
		t.Errorf("nothing to unprotect: %v", err)
	}
}

// If an expiry is faster, Protect says so and leaves no marker.
func TestProtectTooLate(t *testing.T) {
	s := newShelf(t)
	name := s.add(t, "c", "n", 1)
	late := &faultyStore{Store: s, calls: &[]string{}, onPut: func() { s.remove(t, name.Manifest()) }}
	if err := snapshot.Protect(t.Context(), late, name, "", ""); !errors.Is(err, snapshot.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	s.wantStored(t, nil, name.Archive())
}

// A marker counts by its name; what it holds is for people.
func TestMarkersThatCannotBeRead(t *testing.T) {
	s := newShelf(t)
	c := s.addAll(t, "c", 6)
	for i, text := range []string{
		"", "{}", `{"format":2,"name":"` + string(c[3]) + `","reason":"newer"}`, `{"format":1,"name":"c/n/20261120T190405.123Z","reason":"other"}`,
		`{"format":1,"name":"` + string(c[5]) + `","reason":"fine","new":{"field":1}}`,
	} {
		put(t, s, string(c[i+1])+".keep", []byte(text))
	}
	all, err := snapshot.Protections(t.Context(), s, "")
	if !errors.Is(err, snapshot.ErrBadMarker) || len(all) != 5 {
		t.Fatalf("%+v, %v", all, err)
	}
	for i, m := range all {
		if m.Name != c[5-i] || (m.Reason != "") != (i == 0) {
			t.Errorf("%+v", m)
		}
	}
	if plan := s.plan(t, snapshot.Policy{Last: 1}); len(plan.Remove) != 0 {
		t.Errorf("removes %v", plan.Remove)
	}
}
