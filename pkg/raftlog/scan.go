package raftlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/gogo/protobuf/proto"
	"github.com/moby/swarmkit/v2/api"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
)

// segment is one file of the log; crc is the checksum before its first record.
type segment struct {
	path string
	crc  uint32
}

// ref is the place of an entry in the log; its index follows from its
// position among its like.
type ref struct {
	segment int
	offset  int64
	size    int
	term    uint64
	kind    raftpb.EntryType
}

// confData is the encrypted data of a membership change. There are few, and
// they are wanted without reading the log again.
type confData struct {
	index uint64
	data  []byte
}

// scan is what the first pass over the log finds: the final version of every
// entry, where it stands, and all that is in clear.
type scan struct {
	segments []segment
	refs     []ref
	first    uint64 // index of refs[0]
	confs    []confData
	markers  []walpb.Snapshot
	reset    *walpb.Snapshot // marker of a snapshot that the entries before it do not lead to
	state    raftpb.HardState
	metadata []byte
	header   int64 // end of the metadata in the last segment, 0 before
	torn     *TornTail
	damage   *DamageError
}

// scanLog reads all segments. Damage ends the scan and is kept in it; an error
// means that the log could not be read at all.
func scanLog(fsys fs.FS) (*scan, error) {
	files, err := list(fsys, walDir, ".wal")
	if err != nil {
		return nil, err
	}
	s := &scan{first: 1}
	if len(files) == 0 {
		s.damage = &DamageError{File: walDir, What: "no segment"}
		return s, nil
	}
	var crc uint32
	for i, file := range files {
		if i > 0 && file.a != files[i-1].a+1 {
			s.damage = &DamageError{File: file.path, What: fmt.Sprintf("no segment between %d and %d", files[i-1].a, file.a)}
			return s, nil
		}
		crc, err = s.segment(fsys, file.path, crc, i == len(files)-1)
		if err != nil || s.damage != nil {
			return s, err
		}
	}
	return s, nil
}

// segment scans one file and returns the checksum at its end.
func (s *scan) segment(fsys fs.FS, name string, crc uint32, last bool) (uint32, error) {
	file, size, err := open(fsys, name)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	s.segments = append(s.segments, segment{path: name, crc: crc})
	s.header = 0
	f := newFrames(file, size, crc)
	for {
		fr, err := f.next()
		if err != nil {
			return f.crc, s.end(f, err, last)
		}
		if damage := s.record(f, fr); damage != nil {
			damage.File, damage.Offset = name, fr.offset
			s.damage = damage
			return f.crc, nil
		}
	}
}

func open(fsys fs.FS, name string) (fs.File, int64, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, 0, fmt.Errorf("open %s: %w", name, err)
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, 0, fmt.Errorf("stat %s: %w", name, err)
	}
	return file, info.Size(), nil
}

// end judges why a segment ended: only the last one may be torn, and only the
// last one may hold anything behind its end.
func (s *scan) end(f *frames, cause error, last bool) error {
	name := s.segments[len(s.segments)-1].path
	var bad *frameError
	clean := errors.Is(cause, io.EOF)
	if !errors.As(cause, &bad) && !clean {
		return fmt.Errorf("read %s: %w", name, cause)
	}
	if bad == nil {
		bad = &frameError{what: "data behind the end of the segment", torn: true}
	}
	if !last || !bad.torn {
		if !clean {
			s.damage = &DamageError{File: name, Offset: f.offset, What: bad.what, Err: bad.err}
		}
		return nil
	}
	lost, err := f.rest()
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if !clean || lost > 0 || f.offset == 0 {
		s.torn = &TornTail{File: name, Offset: f.offset, What: bad.what, Lost: lost}
	}
	return nil
}

// record takes in one record. The damage it returns has no file yet.
func (s *scan) record(f *frames, fr frame) *DamageError {
	if fr.offset == 0 && fr.rec.Type != wal.CrcType {
		return &DamageError{What: "segment does not begin with a checksum"}
	}
	switch fr.rec.Type {
	case wal.CrcType:
		return s.checksum(f, fr)
	case wal.MetadataType:
		s.header = f.offset
		return s.meta(fr.rec.Data)
	case wal.StateType:
		s.state = raftpb.HardState{}
		return decode(fr.rec.Data, &s.state, "hard state")
	case wal.SnapshotType:
		return s.marker(fr.rec.Data)
	case wal.EntryType:
		return s.entry(fr)
	}
	return &DamageError{What: fmt.Sprintf("record type %d is unknown", fr.rec.Type)}
}

func decode(data []byte, into proto.Unmarshaler, what string) *DamageError {
	if err := into.Unmarshal(data); err != nil {
		return &DamageError{What: "decode " + what, Err: err}
	}
	return nil
}

// checksum joins a segment to the one before. The first segment at hand need
// not be the first ever written, so its own word is taken.
func (s *scan) checksum(f *frames, fr frame) *DamageError {
	if len(s.segments) == 1 && fr.offset == 0 {
		f.crc = fr.rec.Crc
		s.segments[0].crc = fr.rec.Crc
	}
	if fr.rec.Crc != f.crc {
		return &DamageError{What: fmt.Sprintf("checksum chain is %08x, should be %08x", f.crc, fr.rec.Crc)}
	}
	return nil
}

func (s *scan) meta(data []byte) *DamageError {
	if s.metadata != nil && !bytes.Equal(s.metadata, data) {
		return &DamageError{What: "metadata differs from the first"}
	}
	s.metadata = bytes.Clone(data)
	return decode(data, &api.RaftMember{}, "metadata")
}

// marker notes a raft snapshot. One that the entries do not lead to came from
// the leader: if it was taken in, the next entry is the one behind it.
func (s *scan) marker(data []byte) *DamageError {
	var m walpb.Snapshot
	if damage := decode(data, &m, "snapshot marker"); damage != nil {
		return damage
	}
	s.markers = append(s.markers, m)
	term, known := s.termAt(m.Index)
	if m.Index > s.last() || known && term != m.Term {
		s.reset = &m
	}
	return nil
}

// last is the index of the last entry, first-1 when there is none.
func (s *scan) last() uint64 {
	return s.first + uint64(len(s.refs)) - 1
}

func (s *scan) termAt(index uint64) (uint64, bool) {
	if len(s.refs) == 0 || index < s.first || index > s.last() {
		return 0, false
	}
	return s.refs[index-s.first].term, true
}

// entry notes the place of an entry. One that repeats an index replaces what
// was written there and behind it.
func (s *scan) entry(fr frame) *DamageError {
	var e raftpb.Entry
	if damage := decode(fr.rec.Data, &e, "entry"); damage != nil {
		return damage
	}
	if s.reset != nil && e.Index == s.reset.Index+1 {
		s.truncate(s.first)
	}
	s.reset = nil
	if damage := s.follows(e); damage != nil {
		return damage
	}
	s.truncate(e.Index)
	s.refs = append(s.refs, ref{
		segment: len(s.segments) - 1, offset: fr.offset, size: len(e.Data), term: e.Term, kind: e.Type,
	})
	if e.Type == raftpb.EntryConfChange {
		s.confs = append(s.confs, confData{index: e.Index, data: bytes.Clone(e.Data)})
	}
	return nil
}

func (s *scan) follows(e raftpb.Entry) *DamageError {
	if e.Index == 0 || e.Term == 0 {
		return &DamageError{What: fmt.Sprintf("entry has index %d and term %d", e.Index, e.Term)}
	}
	if len(s.refs) == 0 {
		s.first = e.Index
		return nil
	}
	if e.Index < s.first || e.Index > s.last()+1 {
		return &DamageError{What: fmt.Sprintf("entry %d does not follow entries %d to %d", e.Index, s.first, s.last())}
	}
	before, _ := s.termAt(e.Index - 1)
	replaced, _ := s.termAt(e.Index)
	if highest := max(before, replaced); e.Term < highest {
		return &DamageError{What: fmt.Sprintf("entry %d has term %d after term %d", e.Index, e.Term, highest)}
	}
	return nil
}

// truncate drops the entries from index on.
func (s *scan) truncate(index uint64) {
	s.refs = s.refs[:index-s.first]
	for n := len(s.confs); n > 0 && s.confs[n-1].index >= index; n-- {
		s.confs = s.confs[:n-1]
	}
}
