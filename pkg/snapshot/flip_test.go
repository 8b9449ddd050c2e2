package snapshot_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/internal/swarmgen"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// inMemory is a generated directory whose bytes can be flipped, and what a
// reader finds in it as it is.
type inMemory struct {
	files  fstest.MapFS
	o      snapshot.InspectOptions
	report *snapshot.Inspection
	state  *raftlog.State
	states map[uint64]*raftlog.State // by index, as far back as can be told
}

// zeroTail is how many of the zeros behind the last record are kept.
const zeroTail = 64

// readInto takes a directory that was closed. Swarmkit's own store is asked
// whether the states are right.
func readInto(t testing.TB, s *swarmgen.Swarm) *inMemory {
	t.Helper()
	m := &inMemory{files: fstest.MapFS{}, states: map[uint64]*raftlog.State{}}
	m.o = snapshot.InspectOptions{Key: keyOf(t, s.UnlockKey()), Now: time.Now()}
	must(t, fs.WalkDir(os.DirFS(s.Dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(name, "raft/") && !strings.HasPrefix(name, "certificates/") {
			return err
		}
		data, err := fs.ReadFile(os.DirFS(s.Dir), name)
		m.files[name] = &fstest.MapFile{Data: data}
		return err
	}))
	for name, f := range m.files {
		if all := recordsIn(t, name, f.Data); len(all) > 0 {
			f.Data = f.Data[:min(int64(len(f.Data)), all[len(all)-1].end+zeroTail)]
		}
	}
	var err error
	m.report, m.state, err = snapshot.InspectState(m.files, m.o)
	must(t, err)
	if m.report.Verdict != snapshot.StatusOK || len(notOK(m.report)) > 0 {
		t.Fatalf("not good to begin with: %+v", m.report)
	}
	m.readStates(t, s)
	return m
}

func recordsIn(t testing.TB, name string, data []byte) []placed {
	t.Helper()
	if filepath.Ext(name) != ".wal" {
		return nil
	}
	return recordsOf(t, data)
}

func (m *inMemory) readStates(t testing.TB, s *swarmgen.Swarm) {
	t.Helper()
	p, err := snapshot.Prove(m.files, m.o.Key)
	must(t, err)
	for index := max(1, p.Log.FirstIndex()-1); index <= p.Log.LastIndex(); index++ {
		st, err := p.Log.State(raftlog.StateOptions{Through: index})
		if err != nil {
			continue // before the raft snapshot
		}
		if diff := cmp.Diff(treesOf(t, engineObjects(t, s.StateAt(index))), treesOf(t, st.Objects())); diff != "" {
			t.Fatalf("state at %d (-swarmkit +ours):\n%s", index, diff)
		}
		m.states[index] = st
	}
	if len(m.states) < 3 {
		t.Fatalf("%d states", len(m.states))
	}
}

func engineObjects(t testing.TB, s *api.StoreSnapshot) []raftlog.Object {
	t.Helper()
	var all []raftlog.Object
	add := func(v api.StoreObject) {
		o, err := raftlog.NewObject(v)
		must(t, err)
		all = append(all, o)
	}
	for _, o := range s.Nodes {
		add(o)
	}
	for _, o := range s.Networks {
		add(o)
	}
	for _, o := range s.Clusters {
		add(o)
	}
	for _, o := range s.Secrets {
		add(o)
	}
	return all
}

// treesOf are objects with their secrets, by kind and ID.
func treesOf(t testing.TB, objects []raftlog.Object) map[string]any {
	t.Helper()
	trees := map[string]any{}
	for _, o := range objects {
		text, err := o.AppendJSON(nil, true)
		must(t, err)
		var tree any
		must(t, json.Unmarshal(text, &tree))
		trees[string(o.Kind)+" "+o.ID] = tree
	}
	return trees
}

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

// flipEach flips the bytes of a file in two ways and returns the offsets at
// which nobody noticed.
func (m *inMemory) flipEach(t *testing.T, name string) map[int]bool {
	t.Helper()
	step := 1
	if testing.Short() {
		step = 7
	}
	var lock sync.Mutex
	unnoticed := map[int]bool{}
	t.Run("bytes", func(t *testing.T) {
		const parts = 4
		for part := range parts {
			t.Run(fmt.Sprint(part), func(t *testing.T) {
				t.Parallel()
				for offset := part * step; offset < len(m.files[name].Data); offset += parts * step {
					for _, bits := range []byte{1 << (offset % 8), 0xff} {
						what := fmt.Sprintf("%s, byte %d, bits %#x", name, offset, bits)
						if noticed, r := m.check(t, m.flipped(name, offset, bits), what); !noticed {
							lock.Lock()
							unnoticed[offset] = true
							lock.Unlock()
						} else if r != nil {
							m.checkRepairable(t, name, offset, r)
						}
					}
				}
			})
		}
	})
	return unnoticed
}

// checkRepairable: only what is not acknowledged may be called so.
func (m *inMemory) checkRepairable(t *testing.T, name string, offset int, r *snapshot.Inspection) {
	t.Helper()
	all := recordsIn(t, name, m.files[name].Data)
	if r.Verdict == snapshot.StatusRepairable && (len(all) == 0 || int64(offset) < all[len(all)-1].at) {
		t.Errorf("%s, byte %d: called repairable", name, offset)
	}
}


func TestProbeFlip(t *testing.T) {
	for _, name := range []string{"pkcs1", "pkcs1-locked", "pkcs8-locked", "fips-locked", "kek-rotated", "pkcs8"} {
		sw, _ := generated(t, name)
		b := &inMemory{files: fstest.MapFS{}, states: map[uint64]*raftlog.State{}}
		b.o = snapshot.InspectOptions{Key: sw.Key, Now: time.Now()}
		fs.WalkDir(os.DirFS(sw.Dir), ".", func(name string, d fs.DirEntry, err error) error {
			if !d.IsDir() {
				data, _ := fs.ReadFile(os.DirFS(sw.Dir), name)
				b.files[name] = &fstest.MapFile{Data: data}
			}
			return nil
		})
		b.report, b.state, _ = snapshot.InspectState(b.files, b.o)
		b.states[b.state.Index] = b.state
		for file := range b.files {
			if !strings.HasPrefix(file, "cert") { continue }
			t.Run(name, func(t *testing.T) {
				u := b.flipEach(t, file)
				fmt.Println(name, file, len(b.files[file].Data), slices.Sorted(maps.Keys(u)))
				if strings.HasSuffix(file, "key") {
				fmt.Printf("%q\n", b.files[file].Data)
				}
			})
		}
	}
}

// behindSnapshot is a log whose first entries are gone: two segments and the
// raft snapshot that they follow.
func behindSnapshot(t testing.TB) *inMemory {
	s := swarmgen.New(t, filepath.Join(t.TempDir(), "swarm"), swarmgen.Options{SegmentBytes: 2 << 10})
	s.Secrets("one", 3)
	s.Join("m2", "10.0.0.2:2377")
	s.Snapshot(0)
	s.Secrets("two", 5)
	s.Close()
	return readInto(t, s)
}

// fromTheStart is a log from the first entry on, with a raft snapshot that it is
// complete without.
func fromTheStart(t testing.TB) *inMemory {
	s := swarmgen.New(t, filepath.Join(t.TempDir(), "swarm"), swarmgen.Options{})
	s.Secrets("one", 1)
	second := s.Join("m2", "10.0.0.2:2377")
	s.Snapshot(0)
	s.RemoveMember(second.RaftID)
	s.Secrets("two", 2)
	s.Close()
	return readInto(t, s)
}
