package snapshot_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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

// nodeKeys are managers whose node keys have the forms that fromTheStart and
// behindSnapshot do not have.
func nodeKeys(t testing.TB) map[string]*inMemory {
	t.Helper()
	all := map[string]*inMemory{}
	for name, o := range map[string]swarmgen.Options{
		"PKCS1": {PKCS1: true}, "PKCS1, locked": {PKCS1: true, Autolock: true}, "PKCS8, locked": {Autolock: true}, "FIPS, locked": {FIPS: true, Autolock: true},
	} {
		s := swarmgen.New(t, filepath.Join(t.TempDir(), "swarm"), o)
		s.Secrets("one", 1)
		s.Close()
		all[name] = readInto(t, s)
	}
	s := swarmgen.New(t, filepath.Join(t.TempDir(), "swarm"), swarmgen.Options{})
	s.Autolock()
	s.BeginRotation()
	s.Secrets("one", 1)
	s.Kill()
	all["rotation"] = readInto(t, s)
	return all
}
