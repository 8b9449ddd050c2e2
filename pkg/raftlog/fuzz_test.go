package raftlog_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// plain takes records for their own plaintext, so that a fuzzer gets past the
// encryption.
type plain struct{}

func (plain) AppendDecrypt(dst, record []byte) ([]byte, error) { return append(dst, record...), nil }

// clearLog is the log of a manager with its entries decrypted.
func clearLog(t testing.TB) []byte {
	m := newManager(t)
	m.found()
	m.churn(30, 1)
	all := files(t, m)
	segment := all[names(t, all, segments)[0]].Data
	var out []byte
	for _, f := range framesOf(segment) {
		var rec walpb.Record
		must(t, rec.Unmarshal(segment[f.offset+8:f.offset+8+f.length]))
		if rec.Type == wal.EntryType {
			var e raftpb.Entry
			must(t, e.Unmarshal(rec.Data))
			var err error
			e.Data, err = m.crypter().AppendDecrypt(nil, e.Data)
			must(t, err)
			rec.Data, err = e.Marshal()
			must(t, err)
		}
		out = appendFrame(out, rec)
	}
	return rechain(out)
}

func appendFrame(out []byte, rec walpb.Record) []byte {
	body, _ := rec.Marshal()
	pad := -len(body) & 7
	field := uint64(len(body))
	if pad != 0 {
		field |= uint64(0x80|pad) << 56
	}
	out = binary.LittleEndian.AppendUint64(out, field)
	return append(append(out, body...), make([]byte, pad)...)
}

// rechain makes checksums fit, so that a fuzzer gets past them.
func rechain(segment []byte) []byte {
	var out []byte
	var crc uint32
	for _, f := range framesOf(segment) {
		var rec walpb.Record
		if end(f) > len(segment) || end(f) < f.offset || rec.Unmarshal(segment[f.offset+8:f.offset+8+f.length]) != nil {
			return append(out, segment[f.offset:]...)
		}
		if rec.Type == wal.CrcType {
			crc = rec.Crc
		}
		crc = crc32.Update(crc, crc32.MakeTable(crc32.Castagnoli), rec.Data)
		rec.Crc = crc
		out = appendFrame(out, rec)
	}
	return out
}

const onlySegment = "raft/wal-v3-encrypted/0000000000000000-0000000000000000.wal"

// windows is what walking a log takes whatever its length: a goroutine for each
// processor, and buffers for each.
const windows = 16 << 20

// FuzzOpen: whatever stands in a log, no panic, an error of a known kind, no more
// memory than it is long, and the same answer in one pass and in two.
func FuzzOpen(f *testing.F) {
	seed := clearLog(f)
	l, err := raftlog.Open(fstest.MapFS{onlySegment: &fstest.MapFile{Data: seed}}, plain{})
	must(f, err)
	if st := replay(f, l, raftlog.StateOptions{}); len(st.Objects()) < 10 {
		f.Fatal("empty seed")
	}
	f.Add(seed, false)
	f.Add(seed, true)
	f.Fuzz(func(t *testing.T, segment []byte, fix bool) {
		if fix {
			segment = rechain(segment)
		}
		files := fstest.MapFS{onlySegment: &fstest.MapFile{Data: segment}}
		n := raftlog.Allocated(func() { readAnyway(t, files) })
		if n > 100*uint64(len(segment))+windows {
			t.Fatalf("%d bytes were allocated for a log of %d", n, len(segment))
		}
	})
}

func readAnyway(t *testing.T, files fs.FS) {
	t.Helper()
	var st *raftlog.State
	l, err := raftlog.OpenDamaged(files, plain{})
	if err == nil {
		st, err = l.State(raftlog.StateOptions{})
	}
	knownError(t, err)
	v, errVerify := raftlog.Verify(files, plain{})
	knownError(t, errVerify)
	if (l == nil) != (v == nil) {
		t.Fatalf("opened: %v; verified: %v", err, errVerify)
	}
	if v == nil {
		return
	}
	knownError(t, v.Err)
	if (err == nil) != (v.Err == nil) {
		t.Fatalf("replayed: %v; verified: %v", err, v.Err)
	}
	if err == nil && !sameState(v.State, st) {
		t.Fatalf("replayed: %v; verified: %v", st, v.State)
	}
}

func knownError(t *testing.T, err error) {
	t.Helper()
	var damage *raftlog.DamageError
	if err != nil && !errors.As(err, &damage) && !errors.Is(err, raftlog.ErrNewerFormat) {
		t.Fatal(err)
	}
}

// sameState compares all that states tell, the bytes of their objects included.
func sameState(a, b *raftlog.State) bool {
	return a.Index == b.Index && a.Term == b.Term && a.HighestTerm == b.HighestTerm &&
		slices.Equal(a.Members, b.Members) && slices.Equal(a.Removed, b.Removed) && slices.Equal(a.EverSeen, b.EverSeen) &&
		slices.Equal(a.Refused, b.Refused) && slices.EqualFunc(a.Objects(), b.Objects(), sameObject)
}

func sameObject(a, b raftlog.Object) bool {
	return a.Kind == b.Kind && a.ID == b.ID && bytes.Equal(a.Raw(), b.Raw())
}
