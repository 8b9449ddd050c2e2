package raftlog_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/manager/encryption"
	"github.com/moby/swarmkit/v2/manager/state/store"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// files holds a swarm directory in memory, to be damaged at will.
func files(t testing.TB, m *manager) fstest.MapFS {
	t.Helper()
	m.flush()
	all := fstest.MapFS{}
	must(t, fs.WalkDir(m.fsys(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(m.fsys(), name)
		all[name] = &fstest.MapFile{Data: content}
		return err
	}))
	return all
}

func clone(files fstest.MapFS) fstest.MapFS {
	files = maps.Clone(files)
	for name, f := range files {
		files[name] = &fstest.MapFile{Data: slices.Clone(f.Data)}
	}
	return files
}

func names(t testing.TB, files fs.FS, pattern string) []string {
	t.Helper()
	found, err := fs.Glob(files, pattern)
	must(t, err)
	if len(found) == 0 {
		t.Fatalf("no %s", pattern)
	}
	return found
}

const segments = "raft/wal-v3-encrypted/*.wal"

// frameAt is the place of one record in a segment.
type frameAt struct{ offset, length, pad int }

// framesOf finds the records of a segment without the code under test.
func framesOf(segment []byte) []frameAt {
	var all []frameAt
	for at := 0; at+8 <= len(segment); {
		field := binary.LittleEndian.Uint64(segment[at:])
		if field == 0 {
			break
		}
		f := frameAt{offset: at, length: int(field & (1<<56 - 1)), pad: int(field >> 56 & 7)}
		all = append(all, f)
		at += 8 + f.length + f.pad
	}
	return all
}

func end(f frameAt) int { return f.offset + 8 + f.length + f.pad }

func openDamaged(files fs.FS, c crypter) error {
	l, err := raftlog.Open(files, c)
	if err != nil {
		return err
	}
	_, err = l.State(raftlog.StateOptions{})
	return err
}

func TestWrongDirectories(t *testing.T) {
	file := &fstest.MapFile{}
	for name, test := range map[string]struct {
		files fstest.MapFS
		want  error
	}{
		"empty":   {fstest.MapFS{}, raftlog.ErrNotSwarmDir},
		"other":   {fstest.MapFS{"etc/passwd": file}, raftlog.ErrNotSwarmDir},
		"worker":  {fstest.MapFS{"certificates/swarm-node.crt": file, "worker/tasks.db": file}, raftlog.ErrWorkerDir},
		"demoted": {fstest.MapFS{"certificates/swarm-node.crt": file, "raft": {Mode: fs.ModeDir}}, raftlog.ErrWorkerDir},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := raftlog.Open(test.files, nil); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestWrongKey(t *testing.T) {
	m := newManager(t)
	m.found()
	m.flush()
	_, err := raftlog.Open(m.fsys(), newCrypter(encryption.GenerateSecretKey()))
	var want encryption.ErrCannotDecrypt
	if !errors.As(err, &want) {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(err.Error(), "0000000000000000-0000000000000000.wal at byte ") {
		t.Errorf("no place in %q", err)
	}
}

// During a rotation a segment holds records of both keys.
func TestOneKeyOfTwo(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(10, 1)
	m.rotate()
	m.churn(10, 2)
	sameContent(t, replay(t, m.open(), raftlog.StateOptions{}), m.content())
	for i, key := range m.keys {
		var want encryption.ErrCannotDecrypt
		if err := openDamaged(m.fsys(), newCrypter(key)); !errors.As(err, &want) {
			t.Errorf("key %d alone: %v", i, err)
		}
	}
}

// Once a rotation is done, the engine drops the old key, while entries of that
// key stay on disk before the raft snapshot.
func TestEntriesOfADroppedKey(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(20, 1)
	old := m.index
	m.rotate()
	m.churn(20, 2)
	m.confChange(raftpb.ConfChangeAddNode, api.RaftMember{RaftID: 2, NodeID: "two", Addr: "10.0.0.2:2377"})
	m.snapshot(0)
	m.churn(20, 3)
	m.flush()
	l, err := raftlog.Open(m.fsys(), newCrypter(m.keys[1]))
	must(t, err)
	if l.FirstIndex() != 1 || l.RaftSnapshot().Index == 0 {
		t.Fatalf("first index %d, snapshot %+v", l.FirstIndex(), l.RaftSnapshot())
	}
	if l.Self().Addr != m.self.Addr {
		t.Errorf("self %+v", l.Self())
	}
	st := replay(t, l, raftlog.StateOptions{})
	sameContent(t, st, m.content())
	if len(st.Members) != 2 {
		t.Errorf("members %v", st.Members)
	}
	for e, err := range l.Entries(0) {
		must(t, err)
		if unreadable := e.Kind == raftlog.EntryUnreadable; unreadable != (e.Index <= old) {
			t.Errorf("entry %d is %s, old key until %d", e.Index, e.Kind, old)
		}
	}
	if _, err := l.State(raftlog.StateOptions{Through: old}); !errors.Is(err, raftlog.ErrOldKey) {
		t.Errorf("state at %d: %v", old, err)
	}
	var want encryption.ErrCannotDecrypt
	if err := openDamaged(m.fsys(), newCrypter(m.keys[0])); !errors.As(err, &want) {
		t.Errorf("old key alone: %v", err)
	}
}

// A log cut anywhere in its last records is torn there, or ends there.
func TestCutAnywhere(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(20, 1)
	all := files(t, m)
	name := names(t, all, segments)[0]
	segment := all[name].Data
	frames := framesOf(segment)
	from := frames[len(frames)-6].offset
	for _, zeros := range []bool{false, true} {
		for cut := from; cut <= end(frames[len(frames)-1]); cut++ {
			damaged := clone(all)
			damaged[name].Data = damaged[name].Data[:cut]
			if zeros {
				damaged[name].Data = append(damaged[name].Data, make([]byte, len(segment)-cut)...)
			}
			checkCut(t, damaged, m.crypter(), frames, cut, zeros)
		}
	}
}

func checkCut(t *testing.T, files fstest.MapFS, c crypter, frames []frameAt, cut int, zeros bool) {
	t.Helper()
	l, err := raftlog.Open(files, c)
	if err != nil {
		// A record whose end is missing reads as one of zeros, within a
		// sector that was written: no power cut does this.
		var damage *raftlog.DamageError
		if zeros && errors.As(err, &damage) {
			return
		}
		t.Fatalf("cut at %d: %v", cut, err)
	}
	if _, err := l.State(raftlog.StateOptions{}); err != nil {
		t.Fatalf("cut at %d: %v", cut, err)
	}
	intact := slices.IndexFunc(frames, func(f frameAt) bool { return end(f)-f.pad > cut })
	if !zeros {
		intact = slices.IndexFunc(frames, func(f frameAt) bool { return end(f) > cut })
	}
	if intact < 0 || frames[intact].offset == cut || zeros && l.Torn() == nil {
		return
	}
	if torn := l.Torn(); torn == nil || torn.Offset != int64(frames[intact].offset) {
		t.Fatalf("cut at %d: torn %+v, want %d", cut, torn, frames[intact].offset)
	}
}

// A sector that was never written makes the last record torn.
func TestZeroSector(t *testing.T) {
	m := newManager(t)
	m.found()
	m.update(func(tx store.Tx) error {
		return store.CreateSecret(tx, &api.Secret{ID: "big", Spec: api.SecretSpec{Data: make([]byte, 3000)}})
	})
	m.churn(5, 1)
	all := files(t, m)
	name := names(t, all, segments)[0]
	frames := framesOf(all[name].Data)
	for i := len(frames) - 1; i > 0; i-- {
		f := frames[i]
		sector := (f.offset + 8 + 511) / 512 * 512
		if sector+512 > end(f)-f.pad {
			continue
		}
		damaged := clone(all)
		clear(damaged[name].Data[sector : sector+512])
		l, err := raftlog.Open(damaged, m.crypter())
		must(t, err)
		if torn := l.Torn(); torn == nil || torn.File != name || torn.Offset != int64(f.offset) || torn.Lost == 0 {
			t.Fatalf("torn %+v, want %d", torn, f.offset)
		}
		return
	}
	t.Fatal("no record spans a sector")
}

func TestTornOnlyAtTheEnd(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(900, 1)
	all := files(t, m)
	found := names(t, all, segments)
	if len(found) < 3 {
		t.Fatal("too few segments")
	}
	var damage *raftlog.DamageError
	cut := clone(all)
	cut[found[1]].Data = cut[found[1]].Data[:len(cut[found[1]].Data)-9]
	if err := openDamaged(cut, m.crypter()); !errors.As(err, &damage) || damage.File != found[1] {
		t.Errorf("cut segment: %v", err)
	}
	short := clone(all)
	last := framesOf(all[found[1]].Data)
	short[found[1]].Data = short[found[1]].Data[:last[len(last)-1].offset]
	if err := openDamaged(short, m.crypter()); !errors.As(err, &damage) || damage.File != found[2] || damage.Offset != 0 {
		t.Errorf("segment without its last record: %v", err)
	}
	missing := clone(all)
	delete(missing, found[1])
	if err := openDamaged(missing, m.crypter()); !errors.As(err, &damage) || damage.File != found[2] {
		t.Errorf("missing segment: %v", err)
	}
	headless := clone(all)
	delete(headless, found[0])
	if err := openDamaged(headless, m.crypter()); !errors.As(err, &damage) || damage.File != found[1] {
		t.Errorf("missing first segment: %v", err)
	}
	empty := clone(all)
	empty[found[len(found)-1]].Data = nil
	l, err := raftlog.Open(empty, m.crypter())
	must(t, err)
	if l.Torn() == nil || l.Torn().File != found[len(found)-1] {
		t.Errorf("empty last segment: %+v", l.Torn())
	}
}

func TestDataBehindTheEnd(t *testing.T) {
	m := newManager(t)
	m.found()
	all := files(t, m)
	name := names(t, all, segments)[0]
	frames := framesOf(all[name].Data)
	stop := end(frames[len(frames)-1])
	all[name].Data[stop+1000] = 1
	l, err := raftlog.Open(all, m.crypter())
	must(t, err)
	if torn := l.Torn(); torn == nil || torn.Offset != int64(stop) || torn.Lost != 1001 {
		t.Errorf("torn %+v, want %d", l.Torn(), stop)
	}
}

// Whatever byte flips, it is found, in the right file. Padding is covered by
// nothing, nor are the bits of a checksum beyond the 32nd.
func TestFlippedBytes(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(500, 1)
	all := files(t, m)
	found := names(t, all, segments)
	for _, name := range []string{found[0], found[1], found[len(found)-1]} {
		segment := all[name].Data
		for i, f := range framesOf(segment)[:9] {
			for at := f.offset; at < end(f)-f.pad; at++ {
				for _, bit := range []byte{1, 0x80} {
					all[name].Data[at] ^= bit
					if err := flipped(all, name, f); err != nil {
						t.Errorf("%s, byte %d of record %d, bit %x: %v", path.Base(name), at-f.offset, i, bit, err)
					}
					all[name].Data[at] ^= bit
				}
			}
		}
	}
}

// flipped opens a log with one flipped bit and checks what is said of it. A
// damaged checksum at the head of a segment shows at its next record, a first
// entry taken for something else only by its absence.
func flipped(files fs.FS, name string, f frameAt) error {
	_, err := raftlog.Open(files, nil)
	var damage *raftlog.DamageError
	if !errors.As(err, &damage) {
		return fmt.Errorf("not found: %v", err)
	}
	inPlace := damage.Offset >= int64(f.offset) && damage.Offset <= int64(end(f))
	if damage.File != name || !inPlace && damage.Offset != 0 {
		return fmt.Errorf("found elsewhere: %w", err)
	}
	return nil
}

func TestOpenDamagedEndsBeforeTheDamage(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(900, 1)
	all := files(t, m)
	found := names(t, all, segments)
	frames := framesOf(all[found[1]].Data)
	bad := frames[len(frames)/2]
	all[found[1]].Data[bad.offset+60] ^= 1
	l, err := raftlog.OpenDamaged(all, m.crypter())
	must(t, err)
	if d := l.Damage(); d == nil || d.File != found[1] || d.Offset != int64(bad.offset) {
		t.Fatalf("damage %v", d)
	}
	st := replay(t, l, raftlog.StateOptions{})
	if st.Index != l.LastIndex() || st.Index == 0 || st.Index >= m.index {
		t.Errorf("state at %d, log to %d, written to %d", st.Index, l.LastIndex(), m.index)
	}
}

func TestSnapshotFiles(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(100, 1)
	m.snapshot(9)
	older := m.index
	m.churn(100, 2)
	m.snapshot(9)
	newest := m.index
	m.churn(10, 3)
	all := files(t, m)
	snaps := names(t, all, "raft/snap-v3-encrypted/*.snap")
	if len(snaps) != 2 {
		t.Fatal(snaps)
	}
	check := func(t *testing.T, files fstest.MapFS, base uint64, broken int) {
		t.Helper()
		l, err := raftlog.Open(files, m.crypter())
		must(t, err)
		if l.RaftSnapshot().Index != base || len(l.BrokenSnapshots()) != broken {
			t.Errorf("base %d, broken %v", l.RaftSnapshot().Index, l.BrokenSnapshots())
		}
		sameContent(t, replay(t, l, raftlog.StateOptions{}), m.content())
	}
	t.Run("newest", func(t *testing.T) { check(t, all, newest, 0) })
	t.Run("marker without file", func(t *testing.T) {
		damaged := clone(all)
		delete(damaged, snaps[1])
		check(t, damaged, older, 0)
	})
	t.Run("file without marker", func(t *testing.T) {
		stray := clone(all)
		stray["raft/snap-v3-encrypted/0000000000000009-0000000000009999.snap"] = stray[snaps[0]]
		check(t, stray, newest, 0)
	})
	t.Run("half written", func(t *testing.T) {
		damaged := clone(all)
		damaged[snaps[1]].Data = damaged[snaps[1]].Data[:100]
		check(t, damaged, older, 1)
	})
	t.Run("flipped", func(t *testing.T) {
		damaged := clone(all)
		damaged[snaps[1]].Data[50] ^= 4
		check(t, damaged, older, 1)
	})
	t.Run("under the wrong name", func(t *testing.T) {
		damaged := clone(all)
		damaged[snaps[1]] = damaged[snaps[0]]
		check(t, damaged, older, 1)
	})
	t.Run("set aside", func(t *testing.T) {
		damaged := clone(all)
		damaged[snaps[1]+".broken"] = damaged[snaps[1]]
		delete(damaged, snaps[1])
		check(t, damaged, older, 0)
	})
	t.Run("none, log from 1", func(t *testing.T) {
		damaged := clone(all)
		delete(damaged, snaps[0])
		delete(damaged, snaps[1])
		check(t, damaged, 0, 0)
	})
}

func TestOnlySnapshotBroken(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(900, 1)
	m.snapshot(0)
	all := files(t, m)
	snap := names(t, all, "raft/snap-v3-encrypted/*.snap")[0]
	all[snap].Data[50] ^= 4
	var damage *raftlog.DamageError
	if _, err := raftlog.Open(all, m.crypter()); !errors.As(err, &damage) || damage.File != snap {
		t.Errorf("broken: %v", err)
	}
	delete(all, snap)
	if _, err := raftlog.Open(all, nil); !errors.As(err, &damage) || !strings.Contains(damage.What, "no raft snapshot leads there") {
		t.Errorf("missing: %v", err)
	}
}

func TestPassedOver(t *testing.T) {
	m := newManager(t)
	m.found()
	dir := filepath.Join(m.dir, "raft/wal-v3-encrypted")
	for _, name := range []string{"1.tmp", "0000000000000000-0000000000000000.wal.broken", "README", "x.wal"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("nothing"), 0o600))
	}
	must(t, os.Mkdir(filepath.Join(m.dir, "raft/wal"), 0o700))
	l := m.open()
	sameContent(t, replay(t, l, raftlog.StateOptions{}), m.content())
	if !slices.Equal(l.OldDirs(), []string{"raft/wal"}) {
		t.Errorf("old directories %v", l.OldDirs())
	}
}
