package snapshottest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// large is more than a store will send in one piece, and pages more names than
// it will list in one.
const (
	large = 20 << 20
	pages = 1100
)

// Random returns n bytes that are the same for the same seed and do not
// repeat.
func Random(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = r.Read(b) // never fails
	return b
}

func testNames(t *testing.T, s snapshot.Store) {
	names := []string{
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ/abcdefghijklmnopqrstuvwxyz/0123456789._-",
		"a/b.c/d..e",
		"a/b/-_.x",
		"a/b/" + strings.Repeat("n", 200),
	}
	slices.Sort(names)
	for _, name := range names {
		if err := s.Put(t.Context(), name, data([]byte(name))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		if got := get(t, s, name); string(got) != name {
			t.Errorf("%s holds %q", name, got)
		}
	}
	wantList(t, s, "", names...)
	for _, name := range []string{"", ".", "/a", "a/", "a//b", "../a", "a/./b"} {
		if err := s.Put(t.Context(), name, data(nil)); err == nil {
			t.Errorf("put %q went through", name)
		}
	}
	wantList(t, s, "", names...)
}

func testLarge(t *testing.T, s snapshot.Store) {
	want := Random(1, large)
	if err := s.Put(t.Context(), "c/n/1", inPieces(want)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(get(t, s, "c/n/1"), want) {
		t.Error("other bytes came back")
	}
	if err := s.Put(t.Context(), "c/n/1", inPieces(want)); !errors.Is(err, snapshot.ErrExist) {
		t.Errorf("second put: %v", err)
	}
	failed := errors.New("source failed")
	err := s.Put(t.Context(), "c/n/2", func(w io.Writer) error { return errors.Join(inPieces(want)(w), failed) })
	if !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	wantList(t, s, "", "c/n/1")
}

// inPieces writes in pieces of odd sizes.
func inPieces(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		for rest := b; len(rest) > 0; {
			n := min(len(rest), 123457)
			if _, err := w.Write(rest[:n]); err != nil {
				return err
			}
			rest = rest[n:]
		}
		return nil
	}
}

// Somebody else puts the name before the first one has finished.
func testPutMeanwhile(t *testing.T, s snapshot.Store) {
	for _, size := range []int{100, large} {
		name := fmt.Sprintf("c/n/%d", size)
		err := s.Put(t.Context(), name, func(w io.Writer) error {
			if err := inPieces(make([]byte, size))(w); err != nil {
				return err
			}
			if err := s.Put(t.Context(), name, inPieces(Random(2, size))); err != nil {
				t.Errorf("put meanwhile: %v", err)
			}
			return nil
		})
		if !errors.Is(err, snapshot.ErrExist) {
			t.Errorf("got %v", err)
		}
		if !bytes.Equal(get(t, s, name), Random(2, size)) {
			t.Error("the object was overwritten")
		}
	}
}

func testConcurrentGets(t *testing.T, s snapshot.Store) {
	want := Random(3, 2<<20)
	if err := s.Put(t.Context(), "c/n/1", data(want)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			r, err := s.Get(t.Context(), "c/n/1")
			if err != nil {
				t.Error(err)
				return
			}
			got, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, want) {
				t.Errorf("got %d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
}

func testGetClosedEarly(t *testing.T, s snapshot.Store) {
	want := Random(4, 2<<20)
	if err := s.Put(t.Context(), "c/n/1", data(want)); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		r, err := s.Get(t.Context(), "c/n/1")
		if err != nil {
			t.Fatal(err)
		}
		begin := make([]byte, 100)
		if _, err := io.ReadFull(r, begin); err != nil || !bytes.Equal(begin, want[:100]) {
			t.Errorf("got %x, %v", begin, err)
		}
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if !bytes.Equal(get(t, s, "c/n/1"), want) {
		t.Error("other bytes came back")
	}
}

func testListPages(t *testing.T, s snapshot.Store) {
	want := make([]string, pages)
	for i := range want {
		want[i] = fmt.Sprintf("c/n%d/%04d", i%3, i)
	}
	slices.Sort(want)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := worker; i < pages; i += 8 {
				if err := s.Put(t.Context(), want[i], data([]byte("x"))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	wantList(t, s, "", want...)
	wantList(t, s, "c/n1/", slices.DeleteFunc(slices.Clone(want), func(n string) bool { return !strings.HasPrefix(n, "c/n1/") })...)
}
