package raftlog

import (
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"slices"

	"github.com/moby/swarmkit/v2/api"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap/snappb"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
)

// maxSnapshotBytes bounds what reading one raft snapshot may allocate.
// Snapshots of some hundred megabytes were seen (swarmkit#2374).
const maxSnapshotBytes = 4 << 30

// SnapshotInfo is what a raft snapshot tells without a key.
type SnapshotInfo struct {
	// Index and Term are those of the last entry it contains.
	Index, Term uint64
	// Voters are the raft IDs that may vote as of Index.
	Voters []uint64
	// File is its path below the swarm directory.
	File string
}

// snapshots reads all raft snapshots that the log has a marker for, newest
// first, and sorts out the broken ones. One without a marker was never part of
// this log. The engine falls back to an older one just the same.
func snapshots(fsys fs.FS, markers []walpb.Snapshot) (good []SnapshotInfo, broken []*DamageError, err error) {
	files, err := list(fsys, snapDir, ".snap")
	if err != nil {
		return nil, nil, err
	}
	slices.Reverse(files)
	for _, file := range files {
		if !marked(file, markers) {
			continue
		}
		snap, damage, err := readSnapshot(fsys, file)
		if err != nil {
			return nil, nil, err
		}
		if damage != nil {
			broken = append(broken, damage)
			continue
		}
		meta := snap.Metadata
		good = append(good, SnapshotInfo{Index: meta.Index, Term: meta.Term, Voters: meta.ConfState.Voters, File: file.path})
	}
	return good, broken, nil
}

func marked(file numbered, markers []walpb.Snapshot) bool {
	return slices.ContainsFunc(markers, func(m walpb.Snapshot) bool {
		return m.Term == file.a && m.Index == file.b
	})
}

func readSnapshot(fsys fs.FS, name numbered) (*raftpb.Snapshot, *DamageError, error) {
	file, size, err := open(fsys, name.path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	if size > maxSnapshotBytes {
		return nil, &DamageError{File: name.path, What: fmt.Sprintf("size %d is invalid", size)}, nil
	}
	content, err := io.ReadAll(io.LimitReader(file, size))
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", name.path, err)
	}
	snap, damage := decodeSnapshot(content)
	if damage == nil && (snap.Metadata.Term != name.a || snap.Metadata.Index != name.b) {
		damage = &DamageError{What: "content belongs under another name"}
	}
	if damage != nil {
		damage.File = name.path
	}
	return snap, damage, nil
}

func decodeSnapshot(content []byte) (*raftpb.Snapshot, *DamageError) {
	var outer snappb.Snapshot
	if damage := decode(content, &outer, "snapshot file"); damage != nil {
		return nil, damage
	}
	crc := crc32.Checksum(outer.Data, crc32.MakeTable(crc32.Castagnoli))
	if crc != outer.Crc || len(outer.Data) == 0 {
		return nil, &DamageError{What: fmt.Sprintf("checksum is %08x, should be %08x", crc, outer.Crc)}
	}
	var snap raftpb.Snapshot
	if damage := decode(outer.Data, &snap, "snapshot"); damage != nil {
		return nil, damage
	}
	return &snap, nil
}

// content decrypts the raft snapshot.
func (l *Log) content(info SnapshotInfo) (*api.Snapshot, []byte, error) {
	name := numbered{path: info.File, a: info.Term, b: info.Index}
	snap, damage, err := readSnapshot(l.fsys, name)
	if err != nil {
		return nil, nil, err
	}
	if damage != nil {
		return nil, nil, damage
	}
	plain, err := l.dec.Decrypt(snap.Data)
	if err != nil {
		return nil, nil, fmt.Errorf("decrypt raft snapshot %s: %w", info.File, err)
	}
	var content api.Snapshot
	if err := content.Unmarshal(plain); err != nil {
		return nil, nil, &DamageError{File: info.File, What: "decode snapshot content", Err: err}
	}
	if content.Version != api.Snapshot_V0 {
		return nil, nil, fmt.Errorf("raft snapshot %s has version %d: %w", info.File, content.Version, ErrNewerFormat)
	}
	return &content, plain, nil
}
