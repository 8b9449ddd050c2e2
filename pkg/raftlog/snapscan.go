package raftlog

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"

	"go.etcd.io/raft/v3/raftpb"
)

// maxMetaBytes is far more than the voters of a swarm take.
const maxMetaBytes = 1 << 20

// scanSnapshot checks the file of a raft snapshot and reads what is in clear,
// without holding its content, which may be some hundred megabytes.
func scanSnapshot(fsys fs.FS, name numbered) (SnapshotInfo, *DamageError, error) {
	file, size, err := open(fsys, name.path)
	if err != nil {
		return SnapshotInfo{}, nil, err
	}
	defer file.Close()
	in := bufio.NewReaderSize(io.LimitReader(file, size), windowBytes)
	meta, known, err := scanMeta(in, size)
	if err != nil {
		return SnapshotInfo{}, nil, readError(name.path, err)
	}
	if known && meta.Term == name.a && meta.Index == name.b {
		return snapshotInfo(name, meta), nil, nil
	}
	snap, damage, err := readSnapshot(fsys, name)
	if err != nil || damage != nil {
		return SnapshotInfo{}, damage, err
	}
	return snapshotInfo(name, snap.Metadata), nil, nil
}

func snapshotInfo(name numbered, meta raftpb.SnapshotMetadata) SnapshotInfo {
	return SnapshotInfo{Index: meta.Index, Term: meta.Term, Voters: meta.ConfState.Voters, File: name.path}
}

// scanMeta knows nothing of a file that is damaged, or whose fields do not stand
// in the order in which etcd writes them.
func scanMeta(in *bufio.Reader, size int64) (meta raftpb.SnapshotMetadata, known bool, err error) {
	want, inner, at, err := scanHead(in)
	if err != nil || at == 0 || inner != uint64(size-int64(at)) {
		return meta, false, err
	}
	if _, err := in.Discard(at); err != nil {
		return meta, false, err
	}
	start, err := peek(in, 1+binary.MaxVarintLen64)
	if err != nil {
		return meta, false, err
	}
	data, at, ok := number(start, 0, snapshotData<<3|2)
	if !ok || data > inner-uint64(at) || inner-uint64(at)-data > maxMetaBytes {
		return meta, false, nil
	}
	crc := crc32.New(castagnoli)
	if _, err := io.CopyN(crc, in, int64(at)+int64(data)); err != nil {
		return meta, false, err
	}
	rest, err := io.ReadAll(io.TeeReader(in, crc))
	if err != nil {
		return meta, false, err
	}
	var snap raftpb.Snapshot
	good := crc.Sum32() == uint32(want) && decode(rest, &snap, "snapshot") == nil
	return snap.Metadata, good, nil
}

// scanHead reads the checksum and the length of what it is taken over, and
// returns where that begins, 0 if it cannot tell.
func scanHead(in *bufio.Reader) (crc, length uint64, at int, err error) {
	start, err := peek(in, maxPrefixBytes)
	if err != nil {
		return 0, 0, 0, err
	}
	crc, at, ok := number(start, 0, fileCRC<<3)
	if ok {
		length, at, ok = number(start, at, fileData<<3|2)
	}
	if !ok || crc > 1<<32-1 {
		return 0, 0, 0, nil
	}
	return crc, length, at, nil
}

// peek returns less where the file ends.
func peek(in *bufio.Reader, n int) ([]byte, error) {
	start, err := in.Peek(n)
	if errors.Is(err, io.EOF) {
		return start, nil
	}
	return start, err
}
