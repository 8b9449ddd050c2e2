package snapshot_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/snapshot/snapshottest"
)

func put(t testing.TB, s snapshot.Store, name string, data []byte) {
	t.Helper()
	err := s.Put(t.Context(), name, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// storeOf holds complete snapshots of these names; what they hold is nonsense.
func storeOf(t testing.TB, names ...snapshot.Name) snapshot.Store {
	t.Helper()
	s := snapshottest.NewMem()
	for _, name := range names {
		put(t, s, name.Archive(), nil)
		put(t, s, name.Manifest(), nil)
	}
	return s
}

func at(cluster, node string, second int) snapshot.Name {
	return snapshot.NewName(cluster, node, time.Date(2026, 11, 20, 19, 0, second, 0, time.UTC))
}

func TestList(t *testing.T) {
	all := []snapshot.Name{at("c", "n", 1), at("c", "n", 2), at("c", "n2", 0), at("d", "n", 1)}
	s := storeOf(t, all...)
	put(t, s, at("c", "n", 3).Archive(), nil) // without a manifest it is none
	put(t, s, "c/n/notes.json", nil)
	put(t, s, "README", nil)
	for prefix, want := range map[string][]snapshot.Name{"": all, "c/n/": all[:2], "c/n": all[:3], "d": all[3:], "x": nil} {
		if got, err := snapshot.List(t.Context(), s, prefix); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %s, %v", prefix, got, err)
		}
	}
}

func TestFind(t *testing.T) {
	s := storeOf(t, at("c", "n", 1), at("c", "n", 30), at("c", "n2", 20), at("xc", "n", 1))
	for ref, want := range map[string]snapshot.Name{
		"latest":                at("c", "n", 30),
		"190030":                at("c", "n", 30),
		"c/n2":                  at("c", "n2", 20),
		"xc":                    at("xc", "n", 1),
		string(at("c", "n", 1)): at("c", "n", 1), // also a part of xc/n/…
	} {
		if got, err := snapshot.Find(t.Context(), s, ref); err != nil || got != want {
			t.Errorf("%q: %s, %v", ref, got, err)
		}
	}
	for ref, want := range map[string]error{
		"c/n/": snapshot.ErrAmbiguous, "2026": snapshot.ErrAmbiguous,
		"": snapshot.ErrNotExist, "c/n3": snapshot.ErrNotExist, "LATEST": snapshot.ErrNotExist,
	} {
		if got, err := snapshot.Find(t.Context(), s, ref); !errors.Is(err, want) || got != "" {
			t.Errorf("%q: %s, %v", ref, got, err)
		}
	}
	if _, err := snapshot.Find(t.Context(), snapshottest.NewMem(), "latest"); !errors.Is(err, snapshot.ErrNotExist) {
		t.Errorf("an empty store: %v", err)
	}
}

func TestLoad(t *testing.T) {
	signer, verifier := newSigner(t)
	_, other := newSigner(t)
	m := testManifest()
	s, moved := snapshottest.NewMem(), at("c", "n", 9)
	put(t, s, m.Name.Manifest(), sign(t, m, signer))
	put(t, s, moved.Manifest(), sign(t, m, signer))
	put(t, s, at("c", "n", 8).Manifest(), []byte("no manifest"))
	got, signedBy, err := snapshot.Load(t.Context(), s, m.Name, []string{verifier})
	if err != nil || got.Name != m.Name || signedBy != "m1" {
		t.Errorf("%+v, %s, %v", got, signedBy, err)
	}
	for name, c := range map[string]struct {
		name    snapshot.Name
		trusted string
		want    error
	}{
		"another signer":       {m.Name, other, snapshot.ErrUntrusted},
		"of another snapshot":  {moved, verifier, snapshot.ErrMismatch},
		"damaged":              {at("c", "n", 8), verifier, snapshot.ErrMalformed},
		"not there":            {at("c", "n", 7), verifier, snapshot.ErrNotExist},
		"not there: the store": {at("c", "n", 7), verifier, snapshot.ErrStore},
	} {
		t.Run(name, func(t *testing.T) {
			if m, _, err := snapshot.Load(t.Context(), s, c.name, []string{c.trusted}); !errors.Is(err, c.want) || m != nil {
				t.Errorf("got %v, %v", m, err)
			}
		})
	}
}

// unlisted is a store whose listing breaks off.
type unlisted struct{ snapshot.Store }

func (u unlisted) List(ctx context.Context, prefix string) iter.Seq2[snapshot.Object, error] {
	return func(yield func(snapshot.Object, error) bool) {
		for o, err := range u.Store.List(ctx, prefix) {
			if !yield(o, err) {
				return
			}
			break
		}
		yield(snapshot.Object{}, io.ErrUnexpectedEOF)
	}
}

// Half a list is none: the newest snapshot may be in the other half.
func TestBrokenList(t *testing.T) {
	s := unlisted{storeOf(t, at("c", "n", 1), at("c", "n", 2))}
	if names, err := snapshot.List(t.Context(), s, ""); !errors.Is(err, snapshot.ErrStore) || names != nil {
		t.Errorf("list: %s, %v", names, err)
	}
	if name, err := snapshot.Find(t.Context(), s, "latest"); !errors.Is(err, snapshot.ErrStore) || name != "" {
		t.Errorf("find: %s, %v", name, err)
	}
}
