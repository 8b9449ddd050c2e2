package raftlog_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/manager/state/raft/storage"
	"github.com/moby/swarmkit/v2/manager/state/store"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// grown is a swarm of some history, and the state of its log.
func grown(t *testing.T) (*manager, *raftlog.State) {
	m := newManager(t)
	m.found()
	m.churn(300, 1)
	m.confChange(raftpb.ConfChangeAddNode, api.RaftMember{RaftID: 2, NodeID: "two", Addr: "10.0.0.2:2377"})
	m.confChange(raftpb.ConfChangeAddNode, api.RaftMember{RaftID: 3, NodeID: "three", Addr: "10.0.0.3:2377"})
	m.snapshot(0)
	m.confChange(raftpb.ConfChangeRemoveNode, api.RaftMember{RaftID: 3})
	m.rotate()
	m.churn(300, 2)
	return m, replay(t, m.open(), raftlog.StateOptions{})
}

func moved(m *manager) raftlog.Member {
	return raftlog.Member{RaftID: m.self.RaftID, NodeID: m.self.NodeID, Addr: "192.168.9.9:2377"}
}

// boot reads a log as the engine does when it starts.
func boot(t testing.TB, dir string, keys ...[]byte) (*raftpb.Snapshot, storage.WALData) {
	t.Helper()
	last := len(keys) - 1
	logger := &storage.EncryptedRaftLogger{StateDir: filepath.Join(dir, "raft"), EncryptionKey: keys[last]}
	snap, data, err := logger.BootstrapFromDisk(t.Context(), keys[:last]...)
	must(t, err)
	logger.Close(context.Background())
	return snap, data
}

func TestEngineReadsTheRebuiltLog(t *testing.T) {
	m, st := grown(t)
	dir := t.TempDir()
	self := moved(m)
	must(t, raftlog.WriteRebuilt(dir, st, self, m.crypter()))
	snap, data := boot(t, dir, m.keys[len(m.keys)-1])

	var member api.RaftMember
	must(t, member.Unmarshal(data.Metadata))
	if member.RaftID != self.RaftID || member.NodeID != self.NodeID || member.Addr != self.Addr {
		t.Errorf("metadata %+v", member)
	}
	if snap.Metadata.Index != st.Index || snap.Metadata.Term != m.term || !slices.Equal(snap.Metadata.ConfState.Voters, []uint64{self.RaftID}) {
		t.Errorf("snapshot metadata %+v", snap.Metadata)
	}
	want := raftpb.HardState{Term: m.term, Vote: self.RaftID, Commit: st.Index + 1}
	if diff := cmp.Diff(want, data.HardState); diff != "" {
		t.Error(diff)
	}
	if len(data.Entries) != 1 || data.Entries[0].Index != st.Index+1 || data.Entries[0].Type != raftpb.EntryNormal || len(data.Entries[0].Data) != 0 {
		t.Errorf("entries %+v", data.Entries)
	}
	var content api.Snapshot
	must(t, content.Unmarshal(snap.Data))
	if ms := content.Membership; len(ms.Members) != 1 || ms.Members[0].Addr != self.Addr || !slices.Equal(ms.Removed, []uint64{2, 3}) {
		t.Errorf("membership %+v", ms)
	}
	engine := store.NewMemoryStore(nil)
	defer engine.Close()
	must(t, engine.Restore(&content.Store))
	if diff := cmp.Diff(saved(t, m.content()), saved(t, &content.Store)); diff != "" {
		t.Errorf("content differs:\n%s", diff)
	}
}

func TestRebuiltLogReadsBack(t *testing.T) {
	m, st := grown(t)
	dir := t.TempDir()
	must(t, raftlog.WriteRebuilt(dir, st, moved(m), m.crypter()))
	l, err := raftlog.Open(os.DirFS(dir), m.crypter())
	must(t, err)
	if l.Self() != moved(m) || l.LastIndex() != st.Index+1 || l.HardState().Commit != l.LastIndex() || l.Torn() != nil {
		t.Errorf("self %+v, last %d, %+v, torn %v", l.Self(), l.LastIndex(), l.HardState(), l.Torn())
	}
	again := replay(t, l, raftlog.StateOptions{})
	sameContent(t, again, m.content())
	if !slices.Equal(again.Members, []raftlog.Member{moved(m)}) || !slices.Equal(again.Removed, []uint64{2, 3}) {
		t.Errorf("members %v, removed %v", again.Members, again.Removed)
	}
	left := names(t, os.DirFS(dir), "*")
	if !slices.Equal(left, []string{"raft"}) {
		t.Errorf("directory holds %v", left)
	}
	for _, name := range names(t, os.DirFS(dir), "raft/*/*") {
		info, err := fs.Stat(os.DirFS(dir), name)
		must(t, err)
		if info.Mode().Perm() != 0o600 || filepath.Ext(name) == ".tmp" {
			t.Errorf("%s has mode %s", name, info.Mode())
		}
	}
}

// A rewound log must not let in who joined after the point of return, nor go
// back in terms.
func TestRewind(t *testing.T) {
	m, _ := grown(t)
	point, content := m.index, m.content()
	m.term = 9
	m.confChange(raftpb.ConfChangeAddNode, api.RaftMember{RaftID: 50, NodeID: "late", Addr: "10.0.0.50:2377"})
	m.churn(30, 5)
	st := replay(t, m.open(), raftlog.StateOptions{Through: point})
	sameContent(t, st, content)
	dir := t.TempDir()
	must(t, raftlog.WriteRebuilt(dir, st, moved(m), m.crypter()))
	l, err := raftlog.Open(os.DirFS(dir), m.crypter())
	must(t, err)
	again := replay(t, l, raftlog.StateOptions{})
	sameContent(t, again, content)
	if !slices.Equal(again.Removed, []uint64{2, 3, 50}) || l.LastTerm() != 9 || l.HardState().Term != 9 {
		t.Errorf("removed %v, last term %d, hard state %+v", again.Removed, l.LastTerm(), l.HardState())
	}
}

func TestRebuildRefuses(t *testing.T) {
	m, st := grown(t)
	with := func(change func(*raftlog.Member)) raftlog.Member {
		self := moved(m)
		change(&self)
		return self
	}
	for name, test := range map[string]struct {
		self raftlog.Member
		want error
	}{
		"removed member":    {with(func(s *raftlog.Member) { s.RaftID = 3 }), raftlog.ErrRemoved},
		"no raft ID":        {with(func(s *raftlog.Member) { s.RaftID = 0 }), nil},
		"no node ID":        {with(func(s *raftlog.Member) { s.NodeID = "" }), nil},
		"no address":        {with(func(s *raftlog.Member) { s.Addr = "" }), nil},
		"address, no port":  {with(func(s *raftlog.Member) { s.Addr = "10.0.0.1" }), nil},
		"address, no host":  {with(func(s *raftlog.Member) { s.Addr = ":2377" }), nil},
		"address, no colon": {with(func(s *raftlog.Member) { s.Addr = "10.0.0.1:" }), nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			err := raftlog.WriteRebuilt(dir, st, test.self, m.crypter())
			if err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("got %v", err)
			}
			isEmpty(t, dir)
		})
	}
	t.Run("no cluster", func(t *testing.T) {
		empty := replay(t, m.open(), raftlog.StateOptions{})
		empty.Delete(raftlog.KindCluster, "clusterid")
		dir := t.TempDir()
		if err := raftlog.WriteRebuilt(dir, empty, moved(m), m.crypter()); !errors.Is(err, raftlog.ErrNoCluster) {
			t.Errorf("got %v", err)
		}
		isEmpty(t, dir)
	})
	t.Run("a log is there", func(t *testing.T) {
		dir := t.TempDir()
		must(t, raftlog.WriteRebuilt(dir, st, moved(m), m.crypter()))
		before := fingerprint(t, dir)
		if err := raftlog.WriteRebuilt(dir, st, moved(m), m.crypter()); !errors.Is(err, raftlog.ErrExists) {
			t.Errorf("got %v", err)
		}
		if diff := cmp.Diff(before, fingerprint(t, dir)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("no directory", func(t *testing.T) {
		err := raftlog.WriteRebuilt(filepath.Join(t.TempDir(), "none"), st, moved(m), m.crypter())
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
}

func isEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	must(t, err)
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

var errCipher = errors.New("no key")

// failing encrypts a number of records and then fails.
type failing struct {
	crypter
	left int
}

func (f *failing) Encrypt(plain []byte) ([]byte, error) {
	f.left--
	if f.left < 0 {
		return nil, errCipher
	}
	return f.crypter.Encrypt(plain)
}

func TestFailedRebuildLeavesNothing(t *testing.T) {
	m, st := grown(t)
	for left := range 2 {
		dir := t.TempDir()
		err := raftlog.WriteRebuilt(dir, st, moved(m), &failing{m.crypter(), left})
		if !errors.Is(err, errCipher) {
			t.Errorf("after %d records: %v", left, err)
		}
		isEmpty(t, dir)
	}
}

// tail leaves the commit index on disk behind acknowledged entries.
func tail(t *testing.T) *manager {
	m := newManager(t)
	m.found()
	m.churn(200, 1)
	m.flush()
	m.churn(5, 2)
	m.stop()
	return m
}

func TestKeepTail(t *testing.T) {
	m := tail(t)
	if _, data := boot(t, m.dir, m.keys...); data.HardState.Commit != m.index-5 {
		t.Fatalf("commit %d, last %d: no tail", data.HardState.Commit, m.index)
	}
	must(t, raftlog.KeepTail(m.dir))
	_, data := boot(t, m.dir, m.keys...)
	if want := (raftpb.HardState{Term: m.term, Vote: m.self.RaftID, Commit: m.index}); data.HardState != want {
		t.Errorf("hard state %+v, want %+v", data.HardState, want)
	}
	if n := len(data.Entries); data.Entries[n-1].Index != m.index {
		t.Errorf("last entry %d", data.Entries[n-1].Index)
	}
	l, err := raftlog.Open(m.fsys(), m.crypter())
	must(t, err)
	sameContent(t, replay(t, l, raftlog.StateOptions{CommittedOnly: true}), m.content())

	before := fingerprint(t, m.dir)
	must(t, raftlog.KeepTail(m.dir))
	if diff := cmp.Diff(before, fingerprint(t, m.dir)); diff != "" {
		t.Errorf("the second time writes: %s", diff)
	}
	for _, name := range names(t, m.fsys(), "raft/*/*") {
		if filepath.Ext(name) != ".wal" {
			t.Errorf("left behind: %s", name)
		}
	}
}

func TestKeepTailBehindSnapshot(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(300, 1)
	m.snapshot(0)
	m.churn(5, 2)
	m.stop()
	must(t, raftlog.KeepTail(m.dir))
	snap, data := boot(t, m.dir, m.keys...)
	if data.HardState.Commit != m.index || snap.Metadata.Index >= m.index {
		t.Errorf("commit %d, last %d", data.HardState.Commit, m.index)
	}
}

func TestKeepTailCutsTornRecord(t *testing.T) {
	for name, keep := range map[string]int{"record": 40, "frame header": 5} {
		t.Run(name, func(t *testing.T) {
			m := tail(t)
			file := filepath.Join(m.dir, names(t, m.fsys(), segments)[0])
			content, err := os.ReadFile(file)
			must(t, err)
			frames := framesOf(content)
			// Entry, hard state: cut within the entry before.
			must(t, os.Truncate(file, int64(frames[len(frames)-2].offset+keep)))
			must(t, raftlog.KeepTail(m.dir))
			_, data := boot(t, m.dir, m.keys...)
			if n := len(data.Entries); data.HardState.Commit != m.index-1 || data.Entries[n-1].Index != m.index-1 {
				t.Errorf("commit %d, last entry %d, want %d", data.HardState.Commit, data.Entries[n-1].Index, m.index-1)
			}
			if l := m.open(); l.Torn() != nil {
				t.Errorf("still torn: %+v", l.Torn())
			}
		})
	}
}

func TestKeepTailDropsTornSegment(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(500, 1)
	m.stop()
	found := names(t, m.fsys(), segments)
	last := filepath.Join(m.dir, found[len(found)-1])
	must(t, os.Truncate(last, 30))
	must(t, raftlog.KeepTail(m.dir))
	_, data := boot(t, m.dir, m.keys...)
	if n := len(data.Entries); n == 0 || data.HardState.Commit != data.Entries[n-1].Index {
		t.Errorf("commit %d of %d entries", data.HardState.Commit, n)
	}
	if l := m.open(); l.Torn() != nil || l.HardState().Commit != l.LastIndex() {
		t.Errorf("torn %+v, %+v, last %d", l.Torn(), l.HardState(), l.LastIndex())
	}
}

func TestKeepTailRefusesALogInUse(t *testing.T) {
	m := newManager(t)
	m.found()
	m.flush()
	m.churn(5, 1)
	m.flush()
	before := fingerprint(t, filepath.Join(m.dir, "raft", "snap-v3-encrypted"))
	if err := raftlog.KeepTail(m.dir); err == nil {
		t.Error("a log in use was written to")
	}
	if diff := cmp.Diff(before, fingerprint(t, filepath.Join(m.dir, "raft", "snap-v3-encrypted"))); diff != "" {
		t.Error(diff)
	}
	if st := replay(t, m.open(), raftlog.StateOptions{}); st.Index != m.index {
		t.Errorf("state at %d of %d", st.Index, m.index)
	}
}

// Fields of an engine newer than the api package survive a rebuild.
func TestUnknownFieldsAreKept(t *testing.T) {
	m := newManager(t)
	m.found()
	m.flush()
	newer := func(id string) []byte {
		data, err := (&api.Config{ID: id, Spec: api.ConfigSpec{Data: []byte("d")}}).Marshal()
		must(t, err)
		return append(data, 0xaa, 0x06, 3, 'n', 'e', 'w') // field 101
	}
	field := func(number byte, data []byte) []byte {
		return append([]byte{number<<3 | 2, byte(len(data))}, data...)
	}
	action := append([]byte{1 << 3, 1}, field(10, newer("from-log"))...)
	m.entry(raftpb.EntryNormal, append([]byte{1 << 3, 7}, field(2, action)...))
	st := replay(t, m.open(), raftlog.StateOptions{})

	dir := t.TempDir()
	must(t, raftlog.WriteRebuilt(dir, st, moved(m), m.crypter()))
	for range 2 { // once from an entry, once from a raft snapshot
		snap, _ := boot(t, dir, m.keys...)
		if !bytes.Contains(snap.Data, newer("from-log")) {
			t.Fatal("the unknown field is lost")
		}
		l, err := raftlog.Open(os.DirFS(dir), m.crypter())
		must(t, err)
		st, dir = replay(t, l, raftlog.StateOptions{}), t.TempDir()
		must(t, raftlog.WriteRebuilt(dir, st, moved(m), m.crypter()))
	}
}

func TestUnknownKindIsNotLost(t *testing.T) {
	m := newManager(t)
	m.found()
	action := []byte{1 << 3, 1, 15<<3 | 2, 2, 1<<3 | 2, 0}
	m.entry(raftpb.EntryNormal, append([]byte{2<<3 | 2, byte(len(action))}, action...))
	if _, err := m.open().State(raftlog.StateOptions{}); !errors.Is(err, raftlog.ErrNewerFormat) {
		t.Errorf("got %v", err)
	}
}
