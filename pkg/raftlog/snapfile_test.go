package raftlog

import (
	"bytes"
	"errors"
	"hash/crc32"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/moby/swarmkit/v2/api"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap/snappb"
	"go.etcd.io/raft/v3/raftpb"
)

func sealSnapshot(inner []byte) []byte {
	file, _ := (&snappb.Snapshot{Crc: crc32.Checksum(inner, castagnoli), Data: inner}).Marshal()
	return file
}

// FuzzSnapshot holds the reader of the files of raft snapshots against those of
// etcd and raft: what ours takes, they read just the same. It copies nothing.
func FuzzSnapshot(f *testing.F) {
	meta := raftpb.SnapshotMetadata{Index: 3, Term: 2, ConfState: raftpb.ConfState{Voters: []uint64{7, 8}}}
	inner, _ := (&raftpb.Snapshot{Data: []byte("x"), Metadata: meta}).Marshal()
	if snap, damage := decodeSnapshot(sealSnapshot(inner)); damage != nil || !cmp.Equal(snap.Metadata, meta) {
		f.Fatal("bad seed", damage)
	}
	f.Add(sealSnapshot(inner), false)
	f.Add(inner, true)
	f.Fuzz(func(t *testing.T, content []byte, seal bool) {
		if seal {
			content = sealSnapshot(content)
		}
		var snap *raftpb.Snapshot
		var damage *DamageError
		n := Allocated(func() { snap, damage = decodeSnapshot(content) })
		if n > 16*uint64(len(content))+64<<10 { // voters may take one byte each
			t.Fatalf("%d bytes were allocated for %d", n, len(content))
		}
		if (snap == nil) == (damage == nil) {
			t.Fatalf("snapshot %v, damage %v", snap, damage)
		}
		if damage == nil {
			sameSnapshot(t, snap, content)
		}
	})
}

func sameSnapshot(t *testing.T, got *raftpb.Snapshot, content []byte) {
	t.Helper()
	var file snappb.Snapshot
	if err := file.Unmarshal(content); err != nil {
		t.Fatalf("taken, and etcd says %v", err)
	}
	var want raftpb.Snapshot
	if err := want.Unmarshal(file.Data); err != nil {
		t.Fatalf("taken, and raft says %v", err)
	}
	if file.Crc != crc32.Checksum(file.Data, castagnoli) || !bytes.Equal(got.Data, want.Data) || !cmp.Equal(got.Metadata, want.Metadata) {
		t.Fatalf("read as %v, by raft as %v", got, want)
	}
}

// FuzzContent holds the reader of what a raft snapshot holds against that of
// swarmkit: what ours takes has the same members and objects there.
func FuzzContent(f *testing.F) {
	seed := api.Snapshot{Membership: api.ClusterSnapshot{Members: []*api.RaftMember{{RaftID: 7, NodeID: "n"}}, Removed: []uint64{9}}}
	for at := range kinds {
		seed.Store.Nodes = append(seed.Store.Nodes, &api.Node{ID: string(kinds[at].kind)})
	}
	seed.Store.Secrets = []*api.Secret{{ID: "s", Spec: api.SecretSpec{Data: []byte("swarmdr-canary")}}}
	seed.Store.Clusters = []*api.Cluster{{ID: "c", Spec: api.ClusterSpec{Annotations: api.Annotations{Name: "default"}}}}
	plain, _ := seed.Marshal()
	if st, err := stateOf(plain); err != nil || st.size() != len(kinds)+2 {
		f.Fatal("bad seed", err)
	}
	f.Add(plain)
	f.Fuzz(func(t *testing.T, plain []byte) {
		var st *State
		var err error
		// A message of no bytes is an object of some hundred.
		if n := Allocated(func() { st, err = stateOf(plain) }); n > 200*uint64(len(plain))+64<<10 {
			t.Fatalf("%d bytes were allocated for %d", n, len(plain))
		}
		if err == nil {
			sameContentAs(t, st, plain)
		} else if damage := (*DamageError)(nil); !errors.As(err, &damage) && !errors.Is(err, ErrNewerFormat) {
			t.Fatal(err)
		}
	})
}

// stateOf is the state that a raft snapshot holds.
func stateOf(plain []byte) (*State, error) {
	c, err := decodeContent(SnapshotInfo{}, plain)
	if err != nil {
		return nil, err
	}
	st := NewState()
	if err := c.fill(st); err != nil {
		return nil, err
	}
	st.Members = newMembership(c.members).list()
	return st, st.check()
}

func sameContentAs(t *testing.T, got *State, plain []byte) {
	t.Helper()
	var whole api.Snapshot
	if err := whole.Unmarshal(plain); err != nil {
		t.Fatalf("taken, and swarmkit says %v", err)
	}
	if want := newMembership(whole.Membership).list(); !slices.Equal(got.Members, want) {
		t.Fatalf("members %v, by swarmkit %v", got.Members, want)
	}
	objects := 0
	each := func(v value, id string) {
		objects++
		o, err := NewObject(v)
		if err != nil {
			t.Fatal(err)
		}
		raw, ok := got.Object(o.Kind, id)
		if !ok {
			t.Fatalf("no %s %q", o.Kind, id)
		}
		if mine, err := raw.Value(); err != nil || !cmp.Equal(mine, v, cmpopts.EquateNaNs()) {
			t.Fatalf("%s %q is %v, %v", o.Kind, id, mine, err)
		}
	}
	eachOf(whole.Store.Nodes, each)
	eachOf(whole.Store.Services, each)
	eachOf(whole.Store.Networks, each)
	eachOf(whole.Store.Tasks, each)
	eachOf(whole.Store.Clusters, each)
	eachOf(whole.Store.Secrets, each)
	eachOf(whole.Store.Resources, each)
	eachOf(whole.Store.Extensions, each)
	eachOf(whole.Store.Configs, each)
	eachOf(whole.Store.Volumes, each)
	if objects != got.size() {
		t.Fatalf("%d objects, by swarmkit %d", got.size(), objects)
	}
}

func eachOf[T value](all []T, f func(v value, id string)) {
	for _, v := range all {
		f(v, v.GetID())
	}
}
