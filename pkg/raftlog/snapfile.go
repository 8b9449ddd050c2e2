package raftlog

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"slices"

	"github.com/moby/swarmkit/v2/api"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
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
func snapshots(fsys fs.FS, dir string, markers []walpb.Snapshot) (good []SnapshotInfo, broken []*DamageError, err error) {
	files, err := list(fsys, dir, ".snap")
	if err != nil {
		return nil, nil, err
	}
	slices.Reverse(files)
	for _, file := range files {
		if !marked(file, markers) {
			continue
		}
		info, damage, err := scanSnapshot(fsys, file)
		if err != nil {
			return nil, nil, err
		}
		if damage != nil {
			broken = append(broken, damage)
			continue
		}
		good = append(good, info)
	}
	return good, broken, nil
}

func marked(file numbered, markers []walpb.Snapshot) bool {
	return slices.ContainsFunc(markers, func(m walpb.Snapshot) bool {
		return m.Term == file.a && m.Index == file.b
	})
}

// readSnapshot returns a raft snapshot with its data still encrypted.
func readSnapshot(fsys fs.FS, name numbered) (*raftpb.Snapshot, *DamageError, error) {
	content, damage, err := readFile(fsys, name.path)
	if err != nil || damage != nil {
		return nil, damage, err
	}
	snap, damage := decodeSnapshot(content)
	if damage == nil && (snap.Metadata.Term != name.a || snap.Metadata.Index != name.b) {
		damage = &DamageError{Breaks: Snapshots, What: "content belongs under another name"}
	}
	if damage != nil {
		damage.File = name.path
	}
	return snap, damage, nil
}

func readFile(fsys fs.FS, name string) ([]byte, *DamageError, error) {
	file, size, err := open(fsys, name)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	if size > maxSnapshotBytes {
		return nil, &DamageError{Breaks: Snapshots, File: name, What: fmt.Sprintf("size %d is invalid", size)}, nil
	}
	var content bytes.Buffer
	content.Grow(int(size) + bytes.MinRead)
	if _, err := content.ReadFrom(io.LimitReader(file, size)); err != nil {
		return nil, nil, readError(name, err)
	}
	return content.Bytes(), nil, nil
}

// Numbers of fields: snappb.Snapshot of etcd, raftpb.Snapshot of raft,
// api.Snapshot of swarmkit.
const (
	fileCRC       = 1
	fileData      = 2
	snapshotData  = 1
	snapshotMeta  = 2
	contentFormat = 1
	contentMember = 2
	contentStore  = 3
)

// Wire types of protobuf.
const (
	wireVarint = 0
	wireBytes  = 2
)

// decodeSnapshot copies nothing, as raft snapshots may be large.
func decodeSnapshot(content []byte) (*raftpb.Snapshot, *DamageError) {
	file, err := parts(content, wireVarint, wireBytes)
	if err != nil {
		return nil, &DamageError{Breaks: Snapshots, What: "decode snapshot file", Err: err}
	}
	inner := file[fileData].Data
	crc := crc32.Checksum(inner, castagnoli)
	if want := file[fileCRC].Varint; uint64(crc) != want || len(inner) == 0 {
		return nil, &DamageError{Breaks: Snapshots, What: fmt.Sprintf("checksum is %08x, should be %08x", crc, want)}
	}
	snapshot, err := parts(inner, wireBytes, wireBytes)
	if err != nil {
		return nil, &DamageError{Breaks: Snapshots, What: "decode snapshot", Err: err}
	}
	snap := &raftpb.Snapshot{Data: snapshot[snapshotData].Data}
	if damage := decode(snapshot[snapshotMeta].Data, &snap.Metadata, "snapshot"); damage != nil {
		damage.Breaks = Snapshots
		return nil, damage
	}
	return snap, nil
}

// parts splits a message into its fields by number. Those with a wire type given,
// from number 1 on, must have it and stand there once, as engines write them.
func parts(message []byte, wires ...int) (fields [4]wire.Field, err error) {
	for len(message) > 0 {
		field, rest, err := wire.Next(message)
		if err != nil {
			return fields, err
		}
		message = rest
		if field.Number > len(wires) {
			continue
		}
		if field.Wire != wires[field.Number-1] || fields[field.Number].Number != 0 {
			return fields, fmt.Errorf("field %d is of another type, or stands there twice", field.Number)
		}
		fields[field.Number] = field
	}
	return fields, nil
}

// content is what a raft snapshot holds.
type content struct {
	index   uint64
	members api.ClusterSnapshot
	store   []byte
}

// content decrypts a raft snapshot. Its memory goes to the one who asked.
func (l *Log) content(info SnapshotInfo) (*content, error) {
	if held := l.held.Swap(nil); held != nil && held.index == info.Index {
		return held, nil
	}
	snap, damage, err := readSnapshot(l.fsys, numbered{path: info.File, a: info.Term, b: info.Index})
	if err != nil {
		return nil, err
	}
	if damage != nil {
		return nil, damage
	}
	plain, err := l.dec.AppendDecrypt(nil, snap.Data)
	if err != nil {
		return nil, fmt.Errorf("decrypt raft snapshot %s: %w", info.File, err)
	}
	return decodeContent(info, plain)
}

// decodeContent reads an api.Snapshot, whose memory the result shares.
func decodeContent(info SnapshotInfo, plain []byte) (*content, error) {
	fields, err := parts(plain, wireVarint, wireBytes, wireBytes)
	if err != nil {
		return nil, &DamageError{Breaks: Snapshots, File: info.File, What: "decode snapshot content", Err: err}
	}
	if version := fields[contentFormat].Varint; version != uint64(api.Snapshot_V0) {
		return nil, fmt.Errorf("raft snapshot %s has version %d: %w", info.File, version, ErrNewerFormat)
	}
	c := &content{index: info.Index, store: wire.Bytes(plain, contentStore)}
	if damage := decode(wire.Bytes(plain, contentMember), &c.members, "membership"); damage != nil {
		damage.File = info.File
		return nil, damage
	}
	return c, nil
}

// fill puts the objects into a state, sharing their memory.
func (c *content) fill(st *State) error {
	for rest := c.store; len(rest) > 0; {
		field, after, err := wire.Next(rest)
		if err != nil {
			return &DamageError{Breaks: Snapshots, What: "decode snapshot content", Err: err}
		}
		rest = after
		at := field.Number - 1
		if at < 0 || at >= len(kinds) {
			return fmt.Errorf("objects of unknown kind: %w", ErrNewerFormat)
		}
		if field.Wire != wireBytes {
			return &DamageError{Breaks: Snapshots, What: fmt.Sprintf("%s is of wire type %d", kinds[at].kind, field.Wire)}
		}
		id := string(idOf(field.Data))
		if _, exists := st.tables[at][id]; exists {
			return &DamageError{Breaks: Snapshots, What: fmt.Sprintf("%s %s stands there twice", kinds[at].kind, id)}
		}
		st.tables[at][id] = &stored{raw: field.Data[:len(field.Data):len(field.Data)]}
	}
	return nil
}

// mark adds the file to an error about its content.
func (info SnapshotInfo) mark(err error) error {
	if damage := (*DamageError)(nil); errors.As(err, &damage) {
		damage.File = info.File
		return damage
	}
	return fmt.Errorf("decode raft snapshot %s: %w", info.File, err)
}
