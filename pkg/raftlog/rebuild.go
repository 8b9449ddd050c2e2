package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/moby/swarmkit/v2/api"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap/snappb"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
)

// WriteRebuilt writes raft/ of a log with self as its only member into dir: a
// raft snapshot that holds st, and one committed empty entry behind it, without
// which the engine waits for an election timeout before it leads. All other
// raft IDs ever seen count as removed.
//
// dir must exist. self keeps its raft and node ID; its address is the new one,
// as host:port. enc must use the key that the engine will find as its current
// one. Nothing is synced: the caller makes the tree durable, copies the
// certificates, and never does this while a majority of the old managers lives.
//
// On error nothing of it remains. The errors are [ErrExists], [ErrRemoved],
// [ErrNoCluster], or that of the file system.
func WriteRebuilt(dir string, st *State, self Member, enc Encrypter) error {
	if err := checkRebuild(st, self); err != nil {
		return err
	}
	snap, err := st.snapshot(self, enc)
	if err != nil {
		return err
	}
	root := filepath.Join(dir, raftDir)
	err = os.Mkdir(root, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return ErrExists
	}
	if err != nil {
		return fmt.Errorf("create raft directory: %w", err)
	}
	if err := writeLog(dir, snap, self, enc); err != nil {
		return errors.Join(err, os.RemoveAll(root))
	}
	return nil
}

func checkRebuild(st *State, self Member) error {
	if _, err := st.Cluster(); err != nil {
		return err
	}
	if slices.Contains(st.Removed, self.RaftID) {
		return ErrRemoved
	}
	if self.RaftID == 0 || self.NodeID == "" {
		return errors.New("rebuild raft log: raft or node ID is missing")
	}
	host, port, err := net.SplitHostPort(self.Addr)
	if err != nil || host == "" || port == "" {
		return fmt.Errorf("rebuild raft log: address %q is not host:port", self.Addr)
	}
	if st.Index == 0 || st.HighestTerm < st.Term || st.HighestTerm == 0 {
		return fmt.Errorf("rebuild raft log: index %d, term %d and highest term %d do not fit", st.Index, st.Term, st.HighestTerm)
	}
	return nil
}

// snapshot returns the encrypted raft snapshot of a swarm with one manager.
func (st *State) snapshot(self Member, enc Encrypter) (*raftpb.Snapshot, error) {
	plain, err := st.content(self)
	if err != nil {
		return nil, err
	}
	data, err := enc.Encrypt(plain)
	if err != nil {
		return nil, fmt.Errorf("encrypt raft snapshot: %w", err)
	}
	return &raftpb.Snapshot{
		Data: data,
		Metadata: raftpb.SnapshotMetadata{
			ConfState: raftpb.ConfState{Voters: []uint64{self.RaftID}},
			Index:     st.Index,
			Term:      st.HighestTerm,
		},
	}, nil
}

// content returns what an api.Snapshot of version 0 marshals to, with all
// objects as they were written.
func (st *State) content(self Member) ([]byte, error) {
	members := api.ClusterSnapshot{
		Members: []*api.RaftMember{self.message()},
		Removed: sortedIDs(st.others(self)),
	}
	membership, err := members.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode membership: %v", err)
	}
	var store []byte
	for _, o := range st.Objects() {
		store = appendField(store, rank(o.Kind)+1, o.raw)
	}
	return appendField(appendField(nil, contentMember, membership), contentStore, store), nil
}

// others returns all raft IDs but that of self.
func (st *State) others(self Member) map[uint64]bool {
	ids := map[uint64]bool{}
	for _, id := range slices.Concat(st.Removed, st.EverSeen) {
		ids[id] = true
	}
	for _, m := range st.Members {
		ids[m.RaftID] = true
	}
	delete(ids, self.RaftID)
	return ids
}

func appendField(message []byte, number int, data []byte) []byte {
	message = binary.AppendUvarint(message, uint64(number)<<3|2)
	message = binary.AppendUvarint(message, uint64(len(data)))
	return append(message, data...)
}

func (m Member) message() *api.RaftMember {
	return &api.RaftMember{RaftID: m.RaftID, NodeID: m.NodeID, Addr: m.Addr}
}

func writeLog(dir string, snap *raftpb.Snapshot, self Member, enc Encrypter) error {
	if err := writeSnapshot(filepath.Join(dir, current.snap), snap); err != nil {
		return err
	}
	metadata, err := self.message().Marshal()
	if err != nil {
		return fmt.Errorf("encode metadata: %v", err)
	}
	empty, err := enc.Encrypt(nil)
	if err != nil {
		return fmt.Errorf("encrypt empty entry: %w", err)
	}
	w, err := wal.Create(nil, filepath.Join(dir, current.wal), metadata)
	if err != nil {
		return fmt.Errorf("create log: %w", err)
	}
	return errors.Join(writeRecords(w, snap.Metadata, self, empty), w.Close())
}

func writeRecords(w *wal.WAL, meta raftpb.SnapshotMetadata, self Member, empty []byte) error {
	marker := walpb.Snapshot{Index: meta.Index, Term: meta.Term, ConfState: &meta.ConfState}
	if err := w.SaveSnapshot(marker); err != nil {
		return fmt.Errorf("write snapshot marker: %w", err)
	}
	next := meta.Index + 1
	entries := []raftpb.Entry{{Term: meta.Term, Index: next, Type: raftpb.EntryNormal, Data: empty}}
	if err := w.Save(raftpb.HardState{Term: meta.Term, Vote: self.RaftID, Commit: next}, entries); err != nil {
		return fmt.Errorf("write empty entry: %w", err)
	}
	return nil
}

func writeSnapshot(dir string, snap *raftpb.Snapshot) error {
	data, err := snap.Marshal()
	if err != nil {
		return fmt.Errorf("encode raft snapshot: %v", err)
	}
	outer := snappb.Snapshot{Crc: crc32.Checksum(data, castagnoli), Data: data}
	content, err := outer.Marshal()
	if err != nil {
		return fmt.Errorf("encode raft snapshot: %v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("create snapshot directory: %w", err)
	}
	name := fmt.Sprintf("%016x-%016x.snap", snap.Metadata.Term, snap.Metadata.Index)
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		return fmt.Errorf("write raft snapshot: %w", err)
	}
	return nil
}
