package snapshot_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/snapshot/snapshottest"
)

// stored is a snapshot that was taken, and its sealed bytes.
type stored struct {
	*rig
	m    *snapshot.Manifest
	data []byte
}

func newStored(t testing.TB) *stored {
	t.Helper()
	r := newRig(t, fixture.Autolock, snapshot.Hot)
	m, err := snapshot.Backup(t.Context(), r.BackupOptions)
	if err != nil {
		t.Fatal(err)
	}
	rc, err := r.store.Store.Get(t.Context(), m.Name.Archive())
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(rc)
	if err != nil {
		t.Fatal(err)
	}
	return &stored{r, m, data}
}

// with is a store that holds these bytes in the place of the archive.
func (s *stored) with(t testing.TB, data []byte) snapshot.Store {
	store := snapshottest.NewMem()
	put(t, store, s.m.Name.Archive(), data)
	return store
}

func (s *stored) fetch(t testing.TB, store snapshot.Store, m *snapshot.Manifest) error {
	t.Helper()
	opened, err := snapshot.Fetch(t.Context(), store, m, s.pair.identity, s.ScratchDir)
	if err == nil {
		err = opened.Close()
	} else if opened != nil {
		t.Error("opened, with an error")
	}
	return err
}

// wantDigest is the error of every object that is not the one that was stored.
func (s *stored) wantDigest(t *testing.T, what string, data []byte) {
	t.Helper()
	store := s.with(t, data)
	want := snapshot.ErrDigest
	if !bytes.HasPrefix(data, []byte("age-encryption.org/v1\n")) {
		want = snapshot.ErrNotSealed
	}
	if err := snapshot.Check(t.Context(), store, s.m); !errors.Is(err, want) {
		t.Errorf("%s: check: %v", what, err)
	}
	if err := s.fetch(t, store, s.m); !errors.Is(err, want) || errors.Is(err, snapshot.ErrNoIdentity) {
		t.Errorf("%s: fetch: %v", what, err)
	}
}

// One bit anywhere: in the first line, the recipients, the header's MAC, the
// nonce, the payload, the last chunk.
func TestFetchOfATamperedArchive(t *testing.T) {
	s := newStored(t)
	step := 1
	for offset := 0; offset < len(s.data); offset += step {
		if offset == 400 { // the header is over
			step = 331
		}
		data := bytes.Clone(s.data)
		data[offset] ^= 0x10
		s.wantDigest(t, fmt.Sprintf("bit at %d", offset), data)
	}
	data := bytes.Clone(s.data)
	data[len(data)-1] ^= 1
	s.wantDigest(t, "last bit", data)
	wantEmpty(t, s.ScratchDir)
}

func TestFetchOfAnotherObject(t *testing.T) {
	s := newStored(t)
	for name, data := range map[string][]byte{
		"nothing":           nil,
		"one byte less":     s.data[:len(s.data)-1],
		"half":              s.data[:len(s.data)/2],
		"a header alone":    s.data[:200],
		"one byte more":     append(bytes.Clone(s.data), 0),
		"another backup":    newStored(t).data,
		"sealed again":      sealed(t, []byte("x"), s.pair.recipient),
		"an archive of one": sealed(t, tarOf(t, dir("swarm")), s.pair.recipient),
		"plaintext":         tarOf(t, dir("swarm")),
	} {
		t.Run(name, func(t *testing.T) { s.wantDigest(t, name, data) })
	}
}

// Anybody can seal a terabyte of zeros to a public key; it does not fill the
// disk of a manager that is being recovered.
func TestFetchIsBounded(t *testing.T) {
	s := newStored(t)
	bomb := s.with(t, sealed(t, make([]byte, 64<<20), s.pair.recipient))
	n := 0
	count := onWrite(func(p []byte) error {
		n += len(p)
		return nil
	})
	if err := snapshot.Download(t.Context(), bomb, s.m, s.pair.identity, count); !errors.Is(err, snapshot.ErrDigest) {
		t.Errorf("got %v", err)
	}
	if n > 4<<20 {
		t.Errorf("%d bytes were written", n)
	}
	s.ScratchDir = tmpfs(t, "8m")
	if err := s.fetch(t, bomb, s.m); !errors.Is(err, snapshot.ErrDigest) {
		t.Errorf("got %v", err)
	}
}

func TestFetchWithAnotherIdentity(t *testing.T) {
	s := newStored(t)
	s.pair = newKeyPair(t)
	if err := s.fetch(t, s.store, s.m); !errors.Is(err, snapshot.ErrNoIdentity) {
		t.Errorf("got %v", err)
	}
	if err := snapshot.Check(t.Context(), s.store, s.m); err != nil {
		t.Errorf("check needs no identity: %v", err)
	}
}

// The manifest tells of each file; without a trusted signature it may lie.
func TestFetchComparesFiles(t *testing.T) {
	s := newStored(t)
	for name, change := range map[string]func(m *snapshot.Manifest){
		"another digest": func(m *snapshot.Manifest) { m.Files[1].SHA256 = m.Files[0].SHA256 },
		"another size":   func(m *snapshot.Manifest) { m.Files[1].Size++ },
		"a file less":    func(m *snapshot.Manifest) { m.Files = m.Files[1:] },
		"a file more":    func(m *snapshot.Manifest) { m.Files = append(m.Files, snapshot.File{Path: "x"}) },
		"another name":   func(m *snapshot.Manifest) { m.Files[1].Path += "x" },
		"a bad name":     func(m *snapshot.Manifest) { m.Files[1].Path = "../x" },
		"a directory":    func(m *snapshot.Manifest) { m.Files[1].Path = "raft" },
	} {
		t.Run(name, func(t *testing.T) {
			m := *s.m
			m.Files = append([]snapshot.File(nil), m.Files...)
			change(&m)
			if err := s.fetch(t, s.store, &m); !errors.Is(err, snapshot.ErrDigest) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// What opens and fits its digest may still be no swarm directory.
func TestFetchOfAForeignArchive(t *testing.T) {
	s := newStored(t)
	data := sealed(t, tarOf(t, dir("etc"), file("etc/passwd")), s.pair.recipient)
	m := *s.m
	m.SealedSize, m.SealedSHA256 = int64(len(data)), fmt.Sprintf("%x", sha256.Sum256(data))
	if err := s.fetch(t, s.with(t, data), &m); !errors.Is(err, snapshot.ErrNotArchive) {
		t.Errorf("got %v", err)
	}
}

// tearing is a store whose reads break off.
type tearing struct {
	snapshot.Store
	after int64
}

func (s tearing) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := s.Store.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	torn := io.MultiReader(io.LimitReader(r, s.after), broken{})
	return struct {
		io.Reader
		io.Closer
	}{torn, r}, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errFault }

// A connection that breaks is no damage of what is stored.
func TestFetchOfATornConnection(t *testing.T) {
	s := newStored(t)
	for _, after := range []int64{0, 10, 100, 300, int64(len(s.data)) / 2, int64(len(s.data))} {
		store := tearing{s.store, after}
		for verb, err := range map[string]error{
			"fetch": s.fetch(t, store, s.m), "check": snapshot.Check(t.Context(), store, s.m),
		} {
			if !errors.Is(err, errFault) || !errors.Is(err, snapshot.ErrStore) || errors.Is(err, snapshot.ErrDigest) {
				t.Errorf("%s, after %d bytes: %v", verb, after, err)
			}
		}
	}
	wantEmpty(t, s.ScratchDir)
}

func TestFetchOfNothing(t *testing.T) {
	s := newStored(t)
	empty := snapshottest.NewMem()
	if err := s.fetch(t, empty, s.m); !errors.Is(err, snapshot.ErrNotExist) {
		t.Errorf("fetch: %v", err)
	}
	if err := snapshot.Check(t.Context(), empty, s.m); !errors.Is(err, snapshot.ErrNotExist) {
		t.Errorf("check: %v", err)
	}
	s.ScratchDir += "/missing"
	if err := s.fetch(t, s.store, s.m); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no scratch directory: %v", err)
	}
}
