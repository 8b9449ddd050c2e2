// Package snapshottest is the conformance suite that every snapshot.Store
// passes, and an honest store in memory for the tests of others.
package snapshottest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// Run checks the store that open returns; each subtest opens an empty one.
func Run(t *testing.T, open func(t *testing.T) snapshot.Store) {
	for name, test := range map[string]func(*testing.T, snapshot.Store){
		"Ready":              testReady,
		"PutGet":             testPutGet,
		"PutIsWriteOnce":     testWriteOnce,
		"PutRaceHasOneWin":   testRace,
		"FailedPutLeavesNil": testFailedPut,
		"CanceledPut":        testCanceledPut,
		"List":               testList,
		"Delete":             testDelete,
		"DeletePrefix":       testDeletePrefix,
		"Names":              testNames,
		"LargeObject":        testLarge,
		"PutMeanwhile":       testPutMeanwhile,
		"ConcurrentGets":     testConcurrentGets,
		"GetClosedEarly":     testGetClosedEarly,
		"ListPages":          testListPages,
		"Lock":               testLock,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func testReady(t *testing.T, s snapshot.Store) {
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantList(t, s, "")
}

func testPutGet(t *testing.T, s snapshot.Store) {
	for _, size := range []int{0, 1, 1 << 20} {
		name, want := fmt.Sprintf("c/n/%d", size), bytes.Repeat([]byte("x"), size)
		if err := s.Put(t.Context(), name, data(want)); err != nil {
			t.Fatal(err)
		}
		if got := get(t, s, name); !bytes.Equal(got, want) {
			t.Errorf("%s: got %d bytes", name, len(got))
		}
	}
	if _, err := s.Get(t.Context(), "c/n/none"); !errors.Is(err, snapshot.ErrNotExist) {
		t.Errorf("get of a missing object: %v", err)
	}
}

func testWriteOnce(t *testing.T, s snapshot.Store) {
	if err := s.Put(t.Context(), "c/n/1", data([]byte("first"))); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "c/n/1", data([]byte("second"))); !errors.Is(err, snapshot.ErrExist) {
		t.Errorf("second put: %v", err)
	}
	if got := get(t, s, "c/n/1"); string(got) != "first" {
		t.Errorf("got %q", got)
	}
}

func testRace(t *testing.T, s snapshot.Store) {
	var wins atomic.Int32
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			err := s.Put(t.Context(), "c/n/1", data([]byte(fmt.Sprint(i))))
			if err == nil {
				wins.Add(1)
			} else if !errors.Is(err, snapshot.ErrExist) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if wins.Load() != 1 {
		t.Errorf("%d writers won", wins.Load())
	}
}

func testFailedPut(t *testing.T, s snapshot.Store) {
	want := errors.New("source failed")
	err := s.Put(t.Context(), "c/n/1", func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			return err
		}
		return want
	})
	if !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
	wantList(t, s, "")
}

func testCanceledPut(t *testing.T, s snapshot.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Put(ctx, "c/n/1", func(w io.Writer) error {
		cancel()
		_, err := w.Write([]byte("late"))
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	wantList(t, s, "")
}

func testList(t *testing.T, s snapshot.Store) {
	for _, name := range []string{"b/n/2", "a/n/1", "a-b/n/1", "a.b/n/1", "a/n/2", "ab/n/1", "a/n/1.json"} {
		if err := s.Put(t.Context(), name, data([]byte(name))); err != nil {
			t.Fatal(err)
		}
	}
	wantList(t, s, "", "a-b/n/1", "a.b/n/1", "a/n/1", "a/n/1.json", "a/n/2", "ab/n/1", "b/n/2")
	wantList(t, s, "a/", "a/n/1", "a/n/1.json", "a/n/2")
	wantList(t, s, "a/n/1", "a/n/1", "a/n/1.json")
	wantList(t, s, "z")
	for o, err := range s.List(t.Context(), "") {
		if err != nil || o.Size != int64(len(o.Name)) || o.Modified.IsZero() {
			t.Errorf("%+v, %v", o, err)
		}
		break
	}
}

func testDelete(t *testing.T, s snapshot.Store) {
	if err := s.Put(t.Context(), "c/n/1", data([]byte("x"))); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Delete(t.Context(), "c/n/1"); err != nil {
			t.Fatal(err)
		}
	}
	wantList(t, s, "")
	if err := s.Put(t.Context(), "c/n/1", data([]byte("y"))); err != nil {
		t.Errorf("put after delete: %v", err)
	}
}

// Directories are no objects.
func testDeletePrefix(t *testing.T, s snapshot.Store) {
	if err := s.Put(t.Context(), "c/n/1", data([]byte("x"))); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"c", "c/n"} {
		if err := s.Delete(t.Context(), name); err != nil {
			t.Errorf("delete of a prefix: %v", err)
		}
		if _, err := s.Get(t.Context(), name); !errors.Is(err, snapshot.ErrNotExist) {
			t.Errorf("get of a prefix: %v", err)
		}
	}
	wantList(t, s, "", "c/n/1")
}

func data(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

func get(t *testing.T, s snapshot.Store, name string) []byte {
	t.Helper()
	r, err := s.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

func wantList(t *testing.T, s snapshot.Store, prefix string, want ...string) {
	t.Helper()
	var got []string
	for o, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, o.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("list %q: %s, want %s", prefix, strings.Join(got, " "), strings.Join(want, " "))
	}
}
