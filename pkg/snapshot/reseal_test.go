package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/snapshot/snapshottest"
)

func get(t testing.TB, s snapshot.Store, name string) []byte {
	t.Helper()
	r, err := s.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return data
}

// resealing is a snapshot that is sealed anew to other, into a store that can
// fail.
type resealing struct {
	*stored
	snapshot.ResealOptions
	to    *faultyStore
	other keyPair
}

func newResealing(t testing.TB) *resealing {
	t.Helper()
	s, other := newStored(t), hybridPair(t)
	to := &faultyStore{Store: snapshottest.NewMem(), calls: &[]string{}}
	return &resealing{s, snapshot.ResealOptions{
		From: s.store, Manifest: s.m, SignedBy: "m1", With: s.pair.identity, To: to,
		Recipients: recipients(t, other.recipient), Signer: s.Signer, Tool: "swarmdr later", ScratchDir: s.BackupOptions.ScratchDir,
	}, to, other}
}

func TestReseal(t *testing.T) {
	r := newResealing(t)
	before, beforeText := r.data, r.manifest(t)
	m, err := snapshot.Reseal(t.Context(), r.ResealOptions)
	if err != nil {
		t.Fatal(err)
	}
	if m.Name != r.m.Name || !slices.Equal(m.Recipients, []string{r.other.recipient}) || m.Tool != "swarmdr later" {
		t.Errorf("got %+v", m)
	}
	if m.Resealed == nil || m.Resealed.SealedSHA256 != r.m.SealedSHA256 || m.Resealed.SignedBy != "m1" || m.Resealed.At.IsZero() {
		t.Errorf("got %+v", m.Resealed)
	}
	again := &stored{r.rig, m, nil}
	again.pair = r.other
	if err := again.restore(t, r.to.Store, m.Name); err != nil {
		t.Errorf("with the new identity: %v", err)
	}
	again.pair = newKeyPair(t)
	if err := again.restore(t, r.to.Store, m.Name); !errors.Is(err, snapshot.ErrNoIdentity) {
		t.Errorf("with another: %v", err)
	}
	if !bytes.Equal(get(t, r.From, m.Name.Archive()), before) || !bytes.Equal(get(t, r.From, m.Name.Manifest()), beforeText) {
		t.Error("the old snapshot was changed")
	}
	wantEmpty(t, r.ResealOptions.ScratchDir)
	if r.m.Resealed != nil || len(r.m.Recipients) != 1 || r.m.Recipients[0] == r.other.recipient {
		t.Errorf("the caller's manifest was changed: %+v", r.m)
	}
}

// Sealed again to the first identity, it is the same content.
func TestResealBack(t *testing.T) {
	r := newResealing(t)
	m, err := snapshot.Reseal(t.Context(), r.ResealOptions)
	if err != nil {
		t.Fatal(err)
	}
	back := r.ResealOptions
	back.From, back.Manifest, back.With, back.To, back.Recipients = r.to, m, r.other.identity, snapshottest.NewMem(), recipients(t, r.stored.pair.recipient)
	if m, err = snapshot.Reseal(t.Context(), back); err != nil {
		t.Fatal(err)
	}
	if err := r.restore(t, back.To, m.Name); err != nil {
		t.Error(err)
	}
}

// However it fails, no snapshot is in the new store, and the old one stays.
func TestResealFails(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *resealing)
		want   error
	}{
		"nobody to seal to":          {func(r *resealing) { r.ResealOptions.Recipients = nil }, snapshot.ErrNoRecipient},
		"no identity":                {func(r *resealing) { r.With = nil }, snapshot.ErrNoIdentity},
		"another identity":           {func(r *resealing) { r.With = r.other.identity }, snapshot.ErrNoIdentity},
		"the store is not ready":     {func(r *resealing) { r.to.ready = errFault }, errFault},
		"nothing can be put":         {func(r *resealing) { r.to.suffix, r.to.before = ".age", errFault }, errFault},
		"a put breaks off":           {func(r *resealing) { r.to.suffix, r.to.write = ".age", errFault }, errFault},
		"put, and told otherwise":    {func(r *resealing) { r.to.suffix, r.to.after = ".age", errFault }, errFault},
		"it cannot be read back":     {func(r *resealing) { r.to.suffix, r.to.get = ".age", errFault }, errFault},
		"other bytes come back":      {func(r *resealing) { r.to.suffix, r.to.read = ".age", func(b []byte) []byte { return b[:len(b)-1] } }, snapshot.ErrReadBack},
		"plaintext comes back":       {func(r *resealing) { r.to.suffix, r.to.read = ".age", func([]byte) []byte { return noise(900) } }, snapshot.ErrNotSealed},
		"the manifest is swallowed":  {func(r *resealing) { r.to.suffix, r.to.write = ".json", errFault }, snapshot.ErrReadBack},
		"the manifest is another":    {func(r *resealing) { r.to.suffix, r.to.read = ".json", bytes.ToUpper }, snapshot.ErrReadBack},
		"the old one is damaged":     {func(r *resealing) { r.store.suffix, r.store.read = ".age", func(b []byte) []byte { return b[1:] } }, snapshot.ErrNotSealed},
		"the old one is cut":         {func(r *resealing) { r.store.suffix, r.store.read = ".age", func(b []byte) []byte { return b[:9000] } }, snapshot.ErrDigest},
		"the old one is gone":        {func(r *resealing) { r.store.suffix, r.store.get = ".age", snapshot.ErrNotExist }, snapshot.ErrNotExist},
		"a directory that is not":    {func(r *resealing) { r.ResealOptions.ScratchDir += "/missing" }, nil},
		"no signing key":             {func(r *resealing) { r.ResealOptions.Signer = "" }, nil},
		"what it is, is not known":   {func(r *resealing) { r.to.suffix, r.to.get = ".json", errFault }, errFault},
		"ended before it was stored": {func(r *resealing) { r.to.suffix, r.to.after = ".age", context.Canceled }, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			r := newResealing(t)
			c.change(r)
			m, err := snapshot.Reseal(t.Context(), r.ResealOptions)
			if m != nil || err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, %v; want %v", m, err, c.want)
			}
			for o := range r.to.Store.List(t.Context(), "") {
				t.Errorf("%s is in the store", o.Name)
			}
			if err := r.restore(t, r.store.Store, r.m.Name); err != nil {
				t.Errorf("the old one: %v", err)
			}
			wantEmpty(t, r.BackupOptions.ScratchDir)
		})
	}
}

// Names are written once, also by a run that finds what a killed one left.
func TestResealInTheWay(t *testing.T) {
	for name, store := range map[string]func(r *resealing) snapshot.Store{
		"the same store": func(r *resealing) snapshot.Store { return r.store },
		"an archive alone": func(r *resealing) snapshot.Store {
			put(t, r.to.Store, r.m.Name.Archive(), []byte("x"))
			return r.to
		},
		"a manifest alone": func(r *resealing) snapshot.Store {
			put(t, r.to.Store, r.m.Name.Manifest(), []byte("x"))
			return r.to
		},
		"one that comes in between": func(r *resealing) snapshot.Store {
			r.to.onPut = func() {
				r.to.onPut = nil
				put(t, r.to.Store, r.m.Name.Archive(), []byte("x"))
			}
			return r.to
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newResealing(t)
			r.To = store(r)
			m, err := snapshot.Reseal(t.Context(), r.ResealOptions)
			if m != nil || !errors.Is(err, snapshot.ErrExist) {
				t.Errorf("got %v, %v", m, err)
			}
			n := 0
			for range r.To.List(t.Context(), "") {
				n++
			}
			if n == 0 {
				t.Error("what was in the way is gone")
			}
			wantEmpty(t, r.ResealOptions.ScratchDir)
		})
	}
}
