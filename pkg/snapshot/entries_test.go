package snapshot_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/snapshot/snapshottest"
)

func TestEntries(t *testing.T) {
	s := snapshottest.NewMem()
	for _, o := range []string{
		".bad", ".json", ".keep", ".tar.zst.age", // one snapshot
		".verified", ".json.old", ".", // of nobody
	} {
		put(t, s, string(at("c", "n", 1))+o, []byte("1234"))
	}
	put(t, s, at("c", "n", 2).Archive(), []byte("12"))
	put(t, s, at("c", "n", 3).Manifest(), nil)
	put(t, s, "c/n/notes.json", nil)
	put(t, s, "c/n/20261320T190000.000Z.json", nil)
	put(t, s, "README", nil)
	got, err := snapshot.Entries(t.Context(), s, "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if got[i].Modified.IsZero() {
			t.Errorf("%s: no time", got[i].Name)
		}
		got[i].Modified = time.Time{}
	}
	want := []snapshot.Entry{
		{Name: at("c", "n", 1), Manifest: true, Archive: true, Size: 4, Protected: true, Bad: true},
		{Name: at("c", "n", 2), Archive: true, Size: 2},
		{Name: at("c", "n", 3), Manifest: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// By the name of an object, an archive would look like an orphan.
func TestEntriesByAnObjectsName(t *testing.T) {
	name := at("c", "n", 1)
	s := storeOf(t, name)
	for prefix, want := range map[string]int{
		string(name): 1, "c/n/2026": 1, "": 1, name.Archive(): 0, name.Archive()[:len(name)+2]: 0, string(name) + ".": 0,
	} {
		if got, err := snapshot.Entries(t.Context(), s, prefix); err != nil || len(got) != want {
			t.Errorf("%q: %v, %v", prefix, got, err)
		}
	}
}

func TestEntriesOfABrokenList(t *testing.T) {
	s := unlisted{storeOf(t, at("c", "n", 1), at("c", "n", 2))}
	if entries, err := snapshot.Entries(t.Context(), s, ""); !errors.Is(err, snapshot.ErrStore) || entries != nil {
		t.Errorf("got %v, %v", entries, err)
	}
}

// unread is a store whose objects must not be read.
type unread struct {
	snapshot.Store
	t *testing.T
}

func (u unread) Get(_ context.Context, name string) (io.ReadCloser, error) {
	u.t.Errorf("%s was read", name)
	return nil, errFault
}

func TestListingReadsNoObject(t *testing.T) {
	all := []snapshot.Name{at("c", "n", 1), at("c", "n", 2)}
	s := unread{storeOf(t, all...), t}
	if names, err := snapshot.List(t.Context(), s, ""); err != nil || !slices.Equal(names, all) {
		t.Errorf("list: %v, %v", names, err)
	}
	if name, err := snapshot.Find(t.Context(), s, "latest"); err != nil || name != all[1] {
		t.Errorf("find: %v, %v", name, err)
	}
}
