package raftlog_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/manager/state/store"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// tree renders objects without regard to the order of map entries.
func tree(t testing.TB, objects []raftlog.Object) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, o := range objects {
		js, err := o.JSON(true)
		must(t, err)
		all[o.String()] = js
	}
	return all
}

// saved renders what the engine's store holds.
func saved(t testing.TB, content *api.StoreSnapshot) map[string]any {
	t.Helper()
	s := store.NewMemoryStore(nil)
	defer s.Close()
	must(t, s.Restore(content))
	all := map[string]any{}
	for _, o := range objectsOf(t, content) {
		js, err := o.JSON(true)
		must(t, err)
		all[o.String()] = js
	}
	return all
}

// objectsOf wraps what the engine's store saves.
func objectsOf(t testing.TB, s *api.StoreSnapshot) []raftlog.Object {
	t.Helper()
	return slices.Concat(
		each(t, s.Nodes), each(t, s.Services), each(t, s.Networks), each(t, s.Tasks), each(t, s.Clusters),
		each(t, s.Secrets), each(t, s.Resources), each(t, s.Extensions), each(t, s.Configs), each(t, s.Volumes),
	)
}

func each[T api.StoreObject](t testing.TB, values []T) []raftlog.Object {
	t.Helper()
	objects := make([]raftlog.Object, len(values))
	for i, value := range values {
		var err error
		objects[i], err = raftlog.NewObject(value)
		must(t, err)
	}
	return objects
}

func sameContent(t testing.TB, st *raftlog.State, want *api.StoreSnapshot) {
	t.Helper()
	if diff := cmp.Diff(saved(t, want), tree(t, st.Objects())); diff != "" {
		t.Fatalf("objects differ from the engine's (-engine +ours):\n%s", diff)
	}
	if len(st.Refused) > 0 {
		t.Fatalf("refused entries: %v", st.Refused)
	}
}

func replay(t testing.TB, l *raftlog.Log, opts raftlog.StateOptions) *raftlog.State {
	t.Helper()
	st, err := l.State(opts)
	must(t, err)
	return st
}

func TestStateMatchesTheEngine(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(1500, 1)
	m.confChange(raftpb.ConfChangeAddNode, api.RaftMember{RaftID: 2, NodeID: "two", Addr: "10.0.0.2:2377"})
	m.confChange(raftpb.ConfChangeAddNode, api.RaftMember{RaftID: 3, NodeID: "three", Addr: "10.0.0.3:2377"})
	m.snapshot(0)
	m.churn(1500, 2)
	m.rotate()
	m.churn(20, 3)
	m.confChange(raftpb.ConfChangeRemoveNode, api.RaftMember{RaftID: 3})
	m.confChange(raftpb.ConfChangeAddNode, api.RaftMember{RaftID: 2, NodeID: "two", Addr: "10.9.9.9:2377"})
	m.churn(1000, 4)
	l := m.open()

	segments, err := fs.Glob(m.fsys(), "raft/wal-v3-encrypted/*.wal")
	must(t, err)
	if len(segments) < 4 {
		t.Fatalf("only %d segments: the test shows too little", len(segments))
	}
	if l.RaftSnapshot().Index == 0 || l.FirstIndex() <= 1 {
		t.Fatalf("no snapshot at %d or no segment collected, first %d", l.RaftSnapshot().Index, l.FirstIndex())
	}
	st := replay(t, l, raftlog.StateOptions{})
	sameContent(t, st, m.content())
	if st.Index != m.index || l.LastIndex() != m.index || st.Term != m.term {
		t.Errorf("state at %d, log ends at %d, term %d; wrote %d, term %d", st.Index, l.LastIndex(), st.Term, m.index, m.term)
	}
	want := []raftlog.Member{
		{RaftID: 2, NodeID: "two", Addr: "10.9.9.9:2377"},
		{RaftID: m.self.RaftID, NodeID: "selfnode", Addr: "10.0.0.1:2377"},
	}
	if diff := cmp.Diff(want, st.Members); diff != "" {
		t.Error(diff)
	}
	if !slices.Equal(st.Removed, []uint64{3}) || !slices.Equal(st.EverSeen, []uint64{2, 3, m.self.RaftID}) {
		t.Errorf("removed %v, ever seen %v", st.Removed, st.EverSeen)
	}
	if c, err := st.Cluster(); err != nil || c.ID != "clusterid" {
		t.Errorf("cluster: %v, %v", c, err)
	}
}

func TestYoungSwarmHasNoSnapshot(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(50, 1)
	l := m.open()
	if got := l.RaftSnapshot(); got.Index != 0 || l.FirstIndex() != 1 {
		t.Fatalf("snapshot %+v, first index %d", got, l.FirstIndex())
	}
	sameContent(t, replay(t, l, raftlog.StateOptions{}), m.content())
}

// Acknowledged writes lie beyond the commit index on disk.
func TestTailIsPartOfTheState(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(30, 1)
	m.flush()
	before := m.content()
	m.update(func(tx store.Tx) error {
		return store.CreateSecret(tx, &api.Secret{ID: "last", Spec: api.SecretSpec{Annotations: api.Annotations{Name: "acknowledged"}}})
	})
	l := m.open()
	if commit := l.HardState().Commit; commit != m.index-1 {
		t.Fatalf("commit %d, last %d: no tail", commit, m.index)
	}
	if _, ok := replay(t, l, raftlog.StateOptions{}).Object(raftlog.KindSecret, "last"); !ok {
		t.Error("the acknowledged secret is lost")
	}
	sameContent(t, replay(t, l, raftlog.StateOptions{CommittedOnly: true}), before)
}

func TestStateThrough(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(100, 1)
	m.snapshot(5)
	type point struct {
		index   uint64
		content *api.StoreSnapshot
	}
	points := []point{{m.index, m.content()}}
	for seed := range uint64(4) {
		m.churn(150, seed+2)
		points = append(points, point{m.index, m.content()})
		if seed == 1 {
			m.snapshot(5)
		}
	}
	m.confChange(raftpb.ConfChangeAddNode, api.RaftMember{RaftID: 77, NodeID: "late", Addr: "10.0.0.77:2377"})
	l := m.open()
	for _, p := range points {
		st := replay(t, l, raftlog.StateOptions{Through: p.index})
		sameContent(t, st, p.content)
		if len(st.Members) != 1 || !slices.Contains(st.EverSeen, 77) {
			t.Errorf("at %d: members %v, ever seen %v", p.index, st.Members, st.EverSeen)
		}
	}
	if _, err := l.State(raftlog.StateOptions{Through: m.index + 1}); !errors.Is(err, raftlog.ErrNotInLog) {
		t.Errorf("beyond the end: %v", err)
	}
	m.churn(600, 9)
	m.snapshot(0)
	l = m.open()
	if l.FirstIndex() == 1 {
		t.Fatal("no segment was collected")
	}
	if _, err := l.State(raftlog.StateOptions{Through: l.RaftSnapshot().Index - 1}); !errors.Is(err, raftlog.ErrNotInLog) {
		t.Errorf("before the snapshot: %v", err)
	}
}

// The engine passes over an entry that does not fit, all of it.
func TestEntryThatDoesNotFitHasNoEffect(t *testing.T) {
	m := newManager(t)
	m.found()
	m.flush()
	secret := func(id string) *api.StoreAction_Secret {
		return &api.StoreAction_Secret{Secret: &api.Secret{ID: id, Spec: api.SecretSpec{Annotations: api.Annotations{Name: id}}}}
	}
	actions := []api.StoreAction{
		{Action: api.StoreActionKindCreate, Target: secret("new")},
		{Action: api.StoreActionKindUpdate, Target: secret("nowhere")},
	}
	if err := m.store.ApplyStoreActions(actions); err == nil {
		t.Fatal("the engine takes it")
	}
	must(t, m.ProposeValue(t.Context(), actions, func() {}))
	st := replay(t, m.open(), raftlog.StateOptions{})
	if len(st.Refused) != 1 || st.Refused[0].Index != m.index || len(st.OfKind(raftlog.KindSecret)) != 0 {
		t.Errorf("refused %v, secrets %v", st.Refused, st.OfKind(raftlog.KindSecret))
	}
	if st.Index != m.index {
		t.Errorf("index %d", st.Index)
	}
}

func TestEntriesInOrder(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(800, 1)
	l := m.open()
	for _, from := range []uint64{0, 1, 2, 500, m.index, m.index + 1} {
		t.Run(fmt.Sprint("from ", from), func(t *testing.T) {
			next := max(from, 1)
			for e, err := range l.Entries(from) {
				must(t, err)
				if e.Index != next || e.Size == 0 {
					t.Fatalf("got entry %d of %d bytes, want %d", e.Index, e.Size, next)
				}
				if e.Committed != (e.Index <= l.HardState().Commit) {
					t.Fatalf("entry %d committed: %t", e.Index, e.Committed)
				}
				next++
			}
			if next != m.index+1 {
				t.Errorf("ended before %d, last is %d", next, m.index)
			}
		})
	}
}

func TestEntryContent(t *testing.T) {
	m := newManager(t)
	m.found()
	m.update(func(tx store.Tx) error { return store.DeleteNode(tx, m.self.NodeID) })
	var got []raftlog.Entry
	for e, err := range m.open().Entries(0) {
		must(t, err)
		got = append(got, e)
	}
	if len(got) != 4 {
		t.Fatalf("%d entries", len(got))
	}
	if cc := got[0].ConfChange; got[0].Kind != raftlog.EntryConfChange || cc.Op != raftlog.Create || cc.Member.Addr != m.self.Addr || cc.Index != 1 {
		t.Errorf("entry 1: %+v", got[0])
	}
	if got[1].Kind != raftlog.EntryEmpty || len(got[1].Actions) != 0 {
		t.Errorf("entry 2: %+v", got[1])
	}
	first := got[2].Actions
	if len(first) != 2 || first[0].Op != raftlog.Create || first[0].Object.String() != "cluster clusterid (default)" {
		t.Errorf("entry 3: %+v", first)
	}
	if got[2].Time().IsZero() || got[2].RequestID != 1002 {
		t.Errorf("entry 3: time %v, request %d", got[2].Time(), got[2].RequestID)
	}
	if a := got[3].Actions[0]; a.Op != raftlog.Remove || a.Object.Kind != raftlog.KindNode || a.Object.ID != "selfnode" {
		t.Errorf("entry 4: %+v", a)
	}
	if !got[3].Time().IsZero() {
		t.Errorf("a removal has the time %v", got[3].Time())
	}
}

// A leader that never reached a majority is overruled: what it appended is
// replaced by entries of a higher term.
func TestReplacedEntries(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(40, 1)
	m.flush()
	kept, content := m.index, m.content()
	stray := store.NewMemoryStore(nil)
	defer stray.Close()
	for i := range 30 {
		data, _ := (&api.InternalRaftRequest{Action: []api.StoreAction{{
			Action: api.StoreActionKindCreate,
			Target: &api.StoreAction_Secret{Secret: &api.Secret{ID: fmt.Sprint("stray", i)}},
		}}}).Marshal()
		m.entry(raftpb.EntryNormal, data)
	}
	m.confChange(raftpb.ConfChangeAddNode, api.RaftMember{RaftID: 99, NodeID: "stray", Addr: "x:1"})
	m.flush()
	m.index, m.commit, m.term = kept, kept, 5
	delete(m.members, 99)
	m.entry(raftpb.EntryNormal, nil)
	l := m.open()
	if l.LastIndex() != kept+1 || l.LastTerm() != 5 {
		t.Fatalf("last entry %d of term %d", l.LastIndex(), l.LastTerm())
	}
	st := replay(t, l, raftlog.StateOptions{})
	sameContent(t, st, content)
	if len(st.Members) != 1 || st.HighestTerm != 5 {
		t.Errorf("members %v, highest term %d", st.Members, st.HighestTerm)
	}
	m.churn(300, 2)
	sameContent(t, replay(t, m.open(), raftlog.StateOptions{}), m.content())
}

// A follower that was away too long gets a raft snapshot from the leader, and
// its log goes on behind it with a gap.
func TestSnapshotFromTheLeader(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(40, 1)
	m.flush()
	m.index += 5000
	m.store.Update(func(tx store.Tx) error { return nil })
	m.saveSnapshot()
	l := m.open()
	if l.LastIndex() != m.index || l.FirstIndex() != m.index+1 || l.LastTerm() != m.term {
		t.Fatalf("first %d, last %d, term %d; snapshot at %d", l.FirstIndex(), l.LastIndex(), l.LastTerm(), m.index)
	}
	sameContent(t, replay(t, l, raftlog.StateOptions{}), m.content())
	m.churn(40, 2)
	sameContent(t, replay(t, m.open(), raftlog.StateOptions{}), m.content())
}

func TestWithoutDecrypter(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(60, 1)
	m.snapshot(0)
	m.churn(10, 2)
	m.flush()
	l, err := raftlog.Open(m.fsys(), nil)
	must(t, err)
	want := raftlog.Member{RaftID: m.self.RaftID, NodeID: "selfnode", Addr: "10.0.0.1:2377"}
	if l.Self() != want || l.LastIndex() != m.index || l.HardState().Vote != m.self.RaftID {
		t.Errorf("self %+v, last %d, %+v", l.Self(), l.LastIndex(), l.HardState())
	}
	if info := l.RaftSnapshot(); !slices.Equal(info.Voters, []uint64{m.self.RaftID}) || info.Term != 2 {
		t.Errorf("snapshot %+v", info)
	}
	if _, err := l.State(raftlog.StateOptions{}); !errors.Is(err, raftlog.ErrNoDecrypter) {
		t.Errorf("state: %v", err)
	}
	for _, err := range l.Entries(0) {
		if !errors.Is(err, raftlog.ErrNoDecrypter) {
			t.Errorf("entries: %v", err)
		}
	}
}

func TestCountsAndJSON(t *testing.T) {
	m := newManager(t)
	m.found()
	m.update(func(tx store.Tx) error {
		return store.CreateSecret(tx, &api.Secret{ID: "s", Spec: api.SecretSpec{Data: []byte("canary")}})
	})
	st := replay(t, m.open(), raftlog.StateOptions{})
	counts := st.Counts()
	if len(counts) != 10 || counts["secret"] != 1 || counts["cluster"] != 1 || counts["task"] != 0 {
		t.Errorf("counts %v", counts)
	}
	text, err := json.Marshal(st)
	must(t, err)
	for _, shown := range []string{string(text), fmt.Sprintf("%v %+v %#v %s", st, st, st, st), fmt.Sprintf("%v %+v %#v", *st, *st, *st)} {
		for _, form := range []string{"canary", "Y2FuYXJ5", "99 97 110", "0x63, 0x61, 0x6e"} {
			if strings.Contains(shown, form) {
				t.Errorf("secret is shown: %.200s", shown)
			}
		}
	}
}
