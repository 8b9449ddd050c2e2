package keyring_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/swarmdr/swarmdr/internal/keyring"
)

func day(n int) time.Time { return time.Date(2026, 11, n, 3, 0, 0, 0, time.UTC) }

func TestHistory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	h, err := keyring.Load(dir)
	must(t, err)
	if h.Newest("c") != nil || h.At("c", 100) != nil || h.Find("c", "a") != nil {
		t.Errorf("an empty history knows %+v", h)
	}
	h.Note("c", "a", 12, day(1))
	h.Note("other", "x", 900, day(2))
	h.Note("c", "b", 40, day(3))
	h.Rotating = &keyring.Rotating{ClusterID: "c", From: "b", Version: 40, Begun: day(3)}
	must(t, h.Save(dir))
	wantMode(t, filepath.Join(dir, "unlock-keys.json"))
	again, err := keyring.Load(dir)
	must(t, err)
	if diff := cmp.Diff(h, again); diff != "" {
		t.Errorf("it was saved otherwise: %s", diff)
	}

	if newest := again.Newest("c"); newest == nil || newest.Fingerprint != "b" || newest.Version != 40 {
		t.Errorf("newest of c: %+v", newest)
	}
	if e := again.Find("c", "a"); e == nil || e.Rotated != day(3) || e.FirstSeen != day(1) {
		t.Errorf("entry of a: %+v", e)
	}
	if e := again.Find("other", "x"); e == nil || !e.Rotated.IsZero() {
		t.Errorf("the key of another swarm: %+v", e)
	}
	if newest := again.Newest("none"); newest != nil {
		t.Errorf("newest of a swarm never seen: %+v", newest)
	}
}

func TestHistoryAt(t *testing.T) {
	h := &keyring.History{}
	h.Note("c", "a", 12, day(1))
	h.Note("c", "b", 40, day(2)).Made = true
	h.Note("c", "d", 90, day(3)) // rotated by others, who knows how often
	h.Note("x", "x", 20, day(2))
	for version, want := range map[uint64]string{0: "", 11: "", 12: "a", 39: "a", 40: "b", 41: "", 90: "d", 91: ""} {
		got := ""
		if e := h.At("c", version); e != nil {
			got = e.Fingerprint
		}
		if got != want {
			t.Errorf("kek-version %d: key %q, want %q", version, got, want)
		}
	}
}

// An old key that is escrowed is not taken for the current one, unless it is
// the first of its swarm.
func TestHistoryNoteOld(t *testing.T) {
	h := &keyring.History{}
	h.NoteOld("c", "b", 40, day(1))
	e := h.NoteOld("c", "a", 12, day(2))
	e.Escrowed("/a.age")
	e.Escrowed("/a.age")
	if newest := h.Newest("c"); newest == nil || newest.Fingerprint != "b" {
		t.Errorf("newest %+v", newest)
	}
	if e := h.Find("c", "a"); e == nil || e.Rotated.IsZero() || len(e.Escrows) != 1 {
		t.Errorf("old key %+v", e)
	}
}

// A key that is noted again keeps its first day and its lowest version; one
// that comes back is the current one again.
func TestHistoryNoteAgain(t *testing.T) {
	h := &keyring.History{}
	h.Note("c", "a", 12, day(1))
	h.Note("c", "a", 30, day(2))
	h.Note("c", "b", 40, day(3))
	h.Note("c", "a", 50, day(4))
	want := []keyring.Entry{
		{ClusterID: "c", Fingerprint: "a", Version: 12, FirstSeen: day(1)},
		{ClusterID: "c", Fingerprint: "b", Version: 40, FirstSeen: day(3), Rotated: day(4)},
	}
	if diff := cmp.Diff(want, h.Keys); diff != "" {
		t.Error(diff)
	}
}

func TestHistoryRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "no JSON": "keys: a", "newer format": `{"format": 2}`, "no format": `{}`, "cut": `{"format": 1, "keys": [{`,
	} {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, "unlock-keys.json"), []byte(text), 0o600))
		if h, err := keyring.Load(dir); err == nil {
			t.Errorf("%s: read as %+v", name, h)
		}
	}
}
