package raftlog_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gogo/protobuf/types"
	"github.com/moby/swarmkit/v2/api"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// minute is a time of the day on which the logs of these tests were written.
func minute(n int) time.Time { return time.Date(2026, 11, 21, 14, n, 0, 0, time.UTC) }

// dated proposes what an engine would have proposed at that minute.
func (m *manager) dated(n int, op api.StoreActionKind, id string) {
	m.t.Helper()
	stamp, err := types.TimestampProto(minute(n))
	must(m.t, err)
	secret := &api.Secret{
		ID: id, Meta: api.Meta{CreatedAt: stamp, UpdatedAt: stamp},
		Spec: api.SecretSpec{Annotations: api.Annotations{Name: id}},
	}
	actions := []api.StoreAction{{Action: op, Target: &api.StoreAction_Secret{Secret: secret}}}
	must(m.t, m.store.ApplyStoreActions(actions))
	must(m.t, m.ProposeValue(m.t.Context(), actions, func() {}))
}

func (m *manager) datedSecrets(from, to int) {
	m.t.Helper()
	for n := from; n <= to; n++ {
		m.dated(n, api.StoreActionKindCreate, fmt.Sprint("at", n))
	}
}

// wantIndexes asks for indexes by half minutes; 0 is a time that the log does
// not tell.
func wantIndexes(t *testing.T, l *raftlog.Log, want map[float64]uint64) {
	t.Helper()
	for n, index := range want {
		at := minute(0).Add(time.Duration(n * float64(time.Minute)))
		got, err := l.IndexAt(at)
		if index == 0 && !errors.Is(err, raftlog.ErrNotInLog) || index != 0 && err != nil || got != index {
			t.Errorf("minute %v: index %d, %v; want %d", n, got, err, index)
		}
		if err == nil {
			_, err := l.State(raftlog.StateOptions{Through: got})
			must(t, err)
		}
	}
}

// What has no time of its own counts as what stands before it.
func TestIndexAt(t *testing.T) {
	m := newManager(t)
	m.datedSecrets(1, 2)                                                                           // entries 3 and 4
	m.dated(0, api.StoreActionKindRemove, "at1")                                                   // 5: of a removed object the time is old
	m.confChange(raftpb.ConfChangeAddNode, api.RaftMember{RaftID: 7, NodeID: "n", Addr: "x:2377"}) // 6
	m.entry(raftpb.EntryNormal, nil)                                                               // 7
	m.datedSecrets(5, 5)                                                                           // 8
	m.datedSecrets(3, 3)                                                                           // 9: by another clock
	m.datedSecrets(8, 8)                                                                           // 10
	wantIndexes(t, m.open(), map[float64]uint64{0.5: 0, 1: 3, 1.5: 3, 2: 7, 4.5: 7, 5: 9, 7: 9, 8: 10, 1000: 10})
}

// Segments before a raft snapshot are collected, not always all of them.
func TestIndexAtBehindARaftSnapshot(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(900, 1) // it fills segments; its times are those of today
	stamp := m.index
	m.snapshot(0)
	l := m.open()
	if l.FirstIndex() == 1 {
		t.Fatal("no segment was collected")
	}
	for at, want := range map[time.Time]uint64{time.Now().Add(-time.Hour): 0, time.Now(): stamp} {
		got, err := l.IndexAt(at)
		if got != want || want == 0 && !errors.Is(err, raftlog.ErrNotInLog) {
			t.Errorf("at %s: index %d, %v; want %d", at, got, err, want)
		}
	}
}

// A follower that got a raft snapshot knows when its objects were written.
func TestIndexAtOfAReceivedSnapshot(t *testing.T) {
	m := newManager(t)
	m.datedSecrets(1, 3)
	m.flush()
	m.index += 5000
	m.datedSecrets(4, 4)
	m.queue = nil // the raft snapshot stands for it
	m.saveSnapshot()
	base := m.index
	wantIndexes(t, m.open(), map[float64]uint64{1: 0, 3.5: 0, 4: base, 10: base})
	m.datedSecrets(7, 8)
	wantIndexes(t, m.open(), map[float64]uint64{3.5: 0, 4: base, 6.5: base, 7: base + 1, 7.5: base + 1, 10: base + 2})
}

// Entries of a dropped key cannot be dated, and no state before the raft
// snapshot can be told.
func TestIndexAtWithADroppedKey(t *testing.T) {
	m := newManager(t)
	m.datedSecrets(1, 3)
	m.rotate()
	m.datedSecrets(4, 6)
	m.snapshot(0)
	base := m.index
	m.datedSecrets(8, 9)
	m.keys = m.keys[1:]
	l := m.open()
	if l.FirstIndex() != 1 {
		t.Fatal("the entries of the old key are gone")
	}
	wantIndexes(t, l, map[float64]uint64{2: 0, 4.5: 0, 6: base, 7: base, 8: base + 1, 99: base + 2})
}

func TestIndexAtWithoutAKey(t *testing.T) {
	m := newManager(t)
	m.datedSecrets(1, 1)
	m.flush()
	l, err := raftlog.Open(m.fsys(), nil)
	must(t, err)
	if _, err := l.IndexAt(minute(1)); !errors.Is(err, raftlog.ErrNoDecrypter) {
		t.Errorf("got %v", err)
	}
}
