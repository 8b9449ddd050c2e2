package swarmgen

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
)

// frame is a record of a segment and where its eight bytes of length begin.
// What it ends with are the bytes that pad it.
type frame struct {
	offset, end int64
	rec         walpb.Record
}

// frames are those of a segment that was written whole.
func frames(data []byte) ([]frame, error) {
	var all []frame
	var at int64
	for at+8 <= int64(len(data)) {
		field := binary.LittleEndian.Uint64(data[at:])
		if field == 0 {
			break // allocated and not written yet
		}
		size := int64(field & (1<<56 - 1))
		f := frame{offset: at, end: at + 8 + size + int64(field>>56&7)}
		if f.end > int64(len(data)) {
			return nil, fmt.Errorf("frame at %d ends at %d of %d", at, f.end, len(data))
		}
		if err := f.rec.Unmarshal(data[at+8 : at+8+size]); err != nil {
			return nil, err
		}
		all = append(all, f)
		at = f.end
	}
	return all, nil
}

// segments are the segment files in the order of the log.
func segments(walDir string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(walDir, "*.wal"))
	slices.Sort(names)
	return names, err
}

// generation is how engines of a time wrote segments, where that is not what
// etcd's writer of today does.
type generation struct {
	// padded: etcd 3.0 began to align frames to eight bytes. Docker 1.12 had
	// etcd 2.3: no padding, and no zeros behind the last record.
	padded bool
	// confState: etcd 3.5 (Docker 23.0) began to write it into markers.
	confState bool
}

// age rewrites the segments of a closed log as that generation had written
// them.
func age(walDir string, g generation) error {
	names, err := segments(walDir)
	if err != nil {
		return err
	}
	var sum uint32
	for _, name := range names {
		if sum, err = ageSegment(name, g, sum); err != nil {
			return fmt.Errorf("age %s: %w", filepath.Base(name), err)
		}
	}
	return nil
}

func ageSegment(name string, g generation, sum uint32) (uint32, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	old, err := frames(data)
	if err != nil {
		return 0, err
	}
	var aged []byte
	for _, f := range old {
		if err := g.strip(&f.rec); err != nil {
			return 0, err
		}
		sum = crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), f.rec.Data)
		f.rec.Crc = sum
		if aged, err = g.add(aged, &f.rec); err != nil {
			return 0, err
		}
	}
	if g.padded && int64(len(aged)) < int64(len(data)) {
		aged = append(aged, make([]byte, len(data)-len(aged))...)
	}
	return sum, os.WriteFile(name, aged, 0o600)
}

func (g generation) strip(rec *walpb.Record) error {
	if rec.Type != wal.SnapshotType || g.confState {
		return nil
	}
	var marker walpb.Snapshot
	if err := marker.Unmarshal(rec.Data); err != nil {
		return err
	}
	marker.ConfState = nil
	var err error
	rec.Data, err = marker.Marshal()
	return err
}

func (g generation) add(to []byte, rec *walpb.Record) ([]byte, error) {
	data, err := rec.Marshal()
	if err != nil {
		return nil, err
	}
	field, pad := uint64(len(data)), -len(data)&7
	if g.padded && pad > 0 {
		field |= uint64(0x80|pad) << 56
		data = append(data, make([]byte, pad)...)
	}
	return append(binary.LittleEndian.AppendUint64(to, field), data...), nil
}

// lastEntry is the frame of the last entry of the last segment.
func lastEntry(walDir string) (name string, f frame, entry raftpb.Entry, err error) {
	names, err := segments(walDir)
	if err != nil {
		return "", f, entry, err
	}
	name = names[len(names)-1]
	data, err := os.ReadFile(name)
	if err != nil {
		return "", f, entry, err
	}
	all, err := frames(data)
	if err != nil {
		return "", f, entry, err
	}
	f = all[len(all)-1]
	if f.rec.Type != wal.EntryType {
		return "", f, entry, fmt.Errorf("the last record is of type %d", f.rec.Type)
	}
	return name, f, entry, entry.Unmarshal(f.rec.Data)
}
