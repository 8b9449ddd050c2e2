package snapshot_test

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// flipped is the directory with some bits of one byte turned over.
func (m *inMemory) flipped(name string, offset int, bits byte) fstest.MapFS {
	files := maps.Clone(m.files)
	data := bytes.Clone(files[name].Data)
	data[offset] ^= bits
	files[name] = &fstest.MapFile{Data: data}
	return files
}

// check reads a changed directory. It returns whether the change was noticed.
// What is read is never anything but the state of some moment.
func (m *inMemory) check(t *testing.T, files fs.FS, what string) (noticed bool, r *snapshot.Inspection) {
	t.Helper()
	r, st, err := snapshot.InspectState(files, m.o)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return true, r
	}
	if st != nil && !sameAt(st, m.states[st.Index]) {
		t.Errorf("%s: a wrong state at index %d, verdict %s", what, st.Index, r.Verdict)
	}
	if r.Verdict != snapshot.StatusOK {
		return true, r
	}
	// The verdict is good: then all of it is there.
	if !sameAt(st, m.state) || st.HighestTerm != m.state.HighestTerm || !slices.Equal(st.EverSeen, m.state.EverSeen) || !sameReport(r, m.report) {
		t.Errorf("%s: another state, and nobody noticed: %+v", what, r)
	}
	return len(notOK(r)) > 0, r
}

// sameAt compares states byte by byte, but for what the whole log knows.
func sameAt(a, b *raftlog.State) bool {
	return a != nil && b != nil && a.Index == b.Index && a.Term == b.Term &&
		slices.Equal(a.Members, b.Members) && slices.Equal(a.Removed, b.Removed) && len(a.Refused) == len(b.Refused) &&
		slices.EqualFunc(a.Objects(), b.Objects(), func(a, b raftlog.Object) bool {
			return a.Kind == b.Kind && a.ID == b.ID && bytes.Equal(a.Raw(), b.Raw())
		})
}

func sameReport(a, b *snapshot.Inspection) bool {
	return a.NodeID == b.NodeID && a.Address == b.Address && a.First == b.First && a.Last == b.Last && a.Commit == b.Commit &&
		a.RecoverableIndex == b.RecoverableIndex && maps.Equal(a.Recoverable, b.Recoverable)
}

// flipEach flips the bytes of a file and returns the offsets at which nobody
// noticed.
func (m *inMemory) flipEach(t *testing.T, name string) map[int]bool {
	t.Helper()
	step := 1
	if testing.Short() {
		step = 7
	}
	var lock sync.Mutex
	unnoticed := map[int]bool{}
	const parts = 4
	part := func(t *testing.T, first int) {
		t.Parallel()
		for offset := first; offset < len(m.files[name].Data); offset += parts * step {
			if !m.noticed(t, name, offset) {
				lock.Lock()
				unnoticed[offset] = true
				lock.Unlock()
			}
		}
	}
	t.Run("bytes", func(t *testing.T) {
		for i := range parts {
			t.Run(fmt.Sprint(i), func(t *testing.T) { part(t, i*step) })
		}
	})
	return unnoticed
}

// noticed flips one bit of a byte, and all of them. Both have to be noticed.
func (m *inMemory) noticed(t *testing.T, name string, offset int) bool {
	t.Helper()
	all := true
	for _, bits := range []byte{1 << (offset % 8), 0xff} {
		what := fmt.Sprintf("%s, byte %d, bits %#x", name, offset, bits)
		noticed, r := m.check(t, m.flipped(name, offset, bits), what)
		all = all && noticed
		if r != nil {
			m.checkRepairable(t, name, offset, r)
		}
	}
	return all
}

// checkRepairable: only what is not acknowledged may be called so.
func (m *inMemory) checkRepairable(t *testing.T, name string, offset int, r *snapshot.Inspection) {
	t.Helper()
	all := recordsIn(t, name, m.files[name].Data)
	if r.Verdict == snapshot.StatusRepairable && (len(all) == 0 || int64(offset) < all[len(all)-1].at) {
		t.Errorf("%s, byte %d: called repairable", name, offset)
	}
}

// Every byte of a directory matters, or is of a class that cannot: a flip that
// nobody noticed has changed nothing that is read.
func TestFlip(t *testing.T) {
	start, behind := fromTheStart(t), behindSnapshot(t)
	for _, m := range []*inMemory{start, behind} {
		for _, name := range slices.Sorted(maps.Keys(m.files)) {
			if m == start && !strings.HasPrefix(name, "raft/") {
				continue
			}
			t.Run(name, func(t *testing.T) { m.allAccounted(t, name) })
		}
	}
}

// The forms of node keys that are not in TestFlip.
func TestFlipNodeKey(t *testing.T) {
	for name, m := range nodeKeys(t) {
		t.Run(name, func(t *testing.T) { m.allAccounted(t, keyFile) })
	}
}

// allAccounted flips each byte. What is not noticed is counted by class.
func (m *inMemory) allAccounted(t *testing.T, name string) {
	t.Helper()
	data := m.files[name].Data
	counts := map[string]int{}
	for offset := range m.flipEach(t, name) {
		class := ""
		switch {
		case strings.HasSuffix(name, ".wal"):
			class = segmentClass(t, data, offset)
		case name == keyFile:
			class = keyClass(data, offset)
		case strings.HasSuffix(name, ".crt") && data[offset+1] == '=':
			class = "spare bits"
		}
		counts[class]++
		if class == "" {
			t.Errorf("%s, byte %d: %q: nobody noticed, and no class says why", name, offset, data[offset])
		}
	}
	for class, most := range map[string]int{
		"padding":      7 * len(recordsIn(t, name, data)),
		"kek-version":  16,
		"Proc-Type":    22,
		"hexadecimal":  16,
		"spare bits":   2,
		"white space":  4,
		"PKCS version": 2,
	} {
		if counts[class] > most {
			t.Errorf("%s: %d bytes of class %q, want %d at most", name, counts[class], class, most)
		}
	}
	t.Logf("%d bytes, not noticed: %v", len(data), counts)
}

// segmentClass: a frame is filled up to eight bytes, and nobody reads those.
func segmentClass(t *testing.T, data []byte, offset int) string {
	t.Helper()
	for _, p := range recordsOf(t, data) {
		size := int64(p.rec.Size())
		if at := int64(offset); at >= p.at+8+size && at < p.end {
			return "padding"
		}
	}
	return ""
}

// keyClass tells what a byte of a node key is that the key does not hang on:
//   - kek-version: any number up to that of the cluster is as good, and no header
//     is 0 (checkUnlockKey warns of a higher one),
//   - Proc-Type: RFC 1423 wants it, DEK-Info alone is read,
//   - hexadecimal: the IV in DEK-Info may be in capitals,
//   - spare bits: the last digit of base64 holds up to four bits too many,
//   - white space: a newline that becomes another white space,
//   - PKCS version: a number in PKCS#8 that no parser looks at, here below PBES2.
func keyClass(data []byte, offset int) string {
	begin := bytes.LastIndexByte(data[:offset], '\n') + 1
	line := string(data[begin : offset+bytes.IndexByte(data[offset:], '\n')])
	switch {
	case data[offset] == '\n':
		return "white space"
	case strings.HasPrefix(line, "kek-version: "):
		return "kek-version"
	case strings.HasPrefix(line, "Proc-Type: "):
		return "Proc-Type"
	case strings.HasPrefix(line, "DEK-Info: ") && 'a' <= data[offset] && data[offset] <= 'f':
		return "hexadecimal"
	case data[offset+1] == '=':
		return "spare bits"
	case inPKCSVersion(data, offset):
		return "PKCS version"
	}
	return ""
}

// inPKCSVersion: PrivateKeyInfo begins with five bytes and its version. It is
// encrypted in CBC mode: a bit of the IV is that bit of it.
func inPKCSVersion(file []byte, offset int) bool {
	block, _ := pem.Decode(file)
	version := 5
	if iv := bytes.Index(block.Bytes, []byte("\x60\x86\x48\x01\x65\x03\x04\x01\x2a\x04\x10")); iv > 0 {
		version += iv + 11
	}
	body := bytes.LastIndex(file[:bytes.Index(file, []byte("-----END"))], []byte("\n\n")) + 2
	digits := offset - body - bytes.Count(file[body:max(body, offset)], []byte("\n"))
	return digits/4 == version/3 && offset > body
}

// A log that ends anywhere is good, or can be repaired, or its damage is told; it
// has the state of some moment, and what is cut off whole leaves it good.
func TestCut(t *testing.T) {
	for _, m := range []*inMemory{fromTheStart(t), behindSnapshot(t)} {
		segments, err := fs.Glob(m.files, path.Join(walDir, "*.wal"))
		must(t, err)
		name := segments[len(segments)-1]
		for _, zeros := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d segments, zeros %t", len(segments), zeros), func(t *testing.T) {
				t.Parallel()
				m.cutEverywhere(t, name, zeros)
			})
		}
	}
}

func (m *inMemory) cutEverywhere(t *testing.T, name string, zeros bool) {
	t.Helper()
	whole := m.files[name].Data
	all := recordsOf(t, whole)
	step := 1
	if testing.Short() {
		step = 7
	}
	reached := map[uint64]bool{}
	for at := 0; at < int(all[len(all)-1].end); at += step {
		files := maps.Clone(m.files)
		data := bytes.Clone(whole)
		clear(data[at:])
		if !zeros {
			data = data[:at]
		}
		files[name] = &fstest.MapFile{Data: data}
		r, st, err := snapshot.InspectState(files, m.o)
		must(t, err)
		if st != nil && !sameAt(st, m.states[st.Index]) {
			t.Errorf("cut at %d: a wrong state at %d", at, st.Index)
		}
		boundary := slices.ContainsFunc(all, func(p placed) bool { return p.at == int64(at) })
		m.checkCut(t, at, boundary, zeros, r)
		reached[r.RecoverableIndex] = true
	}
	if last := m.report.Last; !reached[last] || !reached[last-1] {
		t.Errorf("states of %v", slices.Sorted(maps.Keys(reached)))
	}
}

// checkCut: only where a sector was written in part, which no disk does, is a cut
// taken for damage; and where what is left is no swarm yet.
func (m *inMemory) checkCut(t *testing.T, at int, boundary, zeros bool, r *snapshot.Inspection) {
	t.Helper()
	if r.Recoverable["cluster"] == 0 {
		return
	}
	torn := found(r)["torn-tail"].Status == snapshot.StatusRepairable
	if boundary && at > 0 && (torn || r.Verdict == snapshot.StatusDamaged) || !boundary && !zeros && r.Verdict != snapshot.StatusRepairable {
		t.Errorf("cut at %d: %s", at, r.Verdict)
	}
}
