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

// segment is one file of the log.
type segment struct {
	path string
	crc  uint32 // checksum before its first record
	next uint64 // index of the first entry it can add
	end  int64  // of its last good record
}

// confData is the encrypted data of a membership change. There are few, and
// they are wanted without reading the log again.
type confData struct {
	index uint64
	at    place
	data  []byte
}

// scan is what the first pass over the log finds: which entries there are, and
// all that is in clear. Its size does not grow with the log.
type scan struct {
	fsys     fs.FS
	layout   layout
	segments []segment
	span     span
	confs    []confData
	markers  []walpb.Snapshot
	reset    *walpb.Snapshot // marker of a snapshot that the entries before it do not lead to
	state    raftpb.HardState
	metadata []byte
	header   int64 // end of the metadata in the last segment, 0 before
	torn     *TornTail
	damage   *DamageError
	tap      tap
}

// tap is told of the entries that a scan comes by, in the order of the log.
type tap interface {
	// window returns a buffer to read into, nil to end the scan.
	window() []byte
	// entry gets data that is valid until its window is used again.
	entry(at place, e raftpb.Entry)
}

// noTap is for scans whose entries nobody wants.
type noTap []byte

func (t noTap) window() []byte          { return t }
func (noTap) entry(place, raftpb.Entry) {}

// scanLog reads all segments. Damage ends the scan and is kept in it; an error
// means that the log could not be read at all.
func scanLog(fsys fs.FS, l layout, tap tap) (*scan, error) {
	files, err := list(fsys, l.wal, ".wal")
	if err != nil {
		return nil, err
	}
	s := &scan{fsys: fsys, layout: l, span: newSpan(), tap: tap}
	if len(files) == 0 {
		s.damage = &DamageError{Breaks: Segments, File: l.wal, What: "no segment"}
		return s, nil
	}
	var crc uint32
	for i, file := range files {
		if i > 0 && file.a != files[i-1].a+1 {
			s.damage = &DamageError{Breaks: Segments, File: file.path, What: fmt.Sprintf("no segment between %d and %d", files[i-1].a, file.a)}
			return s, nil
		}
		crc, err = s.segment(file.path, crc, i == len(files)-1)
		if err != nil || s.damage != nil {
			return s, err
		}
	}
	return s, nil
}

// segment scans one file and returns the checksum at its end.
func (s *scan) segment(name string, crc uint32, last bool) (uint32, error) {
	file, size, err := open(s.fsys, name)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	s.segments = append(s.segments, segment{path: name, crc: crc, next: s.span.last() + 1})
	s.header = 0
	f := newFrames(file, size, crc, s.tap.window)
	f.unpadded = s.layout.clear
	for {
		fr, err := f.next()
		if err != nil {
			s.segments[len(s.segments)-1].end = f.offset
			return f.crc, s.end(f, err, last)
		}
		if damage := s.record(f, fr); damage != nil {
			damage.File, damage.Offset = name, fr.offset
			s.damage = damage
			s.segments[len(s.segments)-1].end = fr.offset
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

func readError(name string, err error) error { return fmt.Errorf("read %s: %w", name, err) }

// end judges why a segment ended: only the last one may be torn, and only the
// last one may hold anything behind its end.
func (s *scan) end(f *frames, cause error, last bool) error {
	name := s.segments[len(s.segments)-1].path
	var bad *frameError
	clean := errors.Is(cause, io.EOF)
	if !errors.As(cause, &bad) && !clean {
		return readError(name, cause)
	}
	if bad == nil {
		bad = &frameError{what: "data behind the end of the segment", torn: true}
	}
	if !last || !bad.torn {
		if !clean {
			s.damage = &DamageError{Breaks: bad.breaks, File: name, Offset: f.offset, What: bad.what, Err: bad.err}
		}
		return nil
	}
	lost, err := f.rest()
	if err != nil {
		return readError(name, err)
	}
	if !clean || lost > 0 || f.offset == 0 {
		s.torn = &TornTail{File: name, Offset: f.offset, What: bad.what, Lost: lost}
	}
	return nil
}

// record takes in one record. The damage it returns has no file yet.
func (s *scan) record(f *frames, fr frame) *DamageError {
	if fr.offset == 0 && fr.kind != wal.CrcType {
		return &DamageError{Breaks: Segments, What: "segment does not begin with a checksum"}
	}
	switch fr.kind {
	case wal.EntryType:
		return s.addEntry(fr)
	case wal.StateType:
		s.state = raftpb.HardState{}
		return decode(fr.data, &s.state, "hard state")
	case wal.CrcType:
		return s.checksum(f, fr)
	case wal.MetadataType:
		s.header = f.offset
		return s.meta(fr.data)
	case wal.SnapshotType:
		return s.marker(fr)
	}
	return &DamageError{What: fmt.Sprintf("record type %d is unknown", fr.kind)}
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
		f.crc = fr.crc
		s.segments[0].crc = fr.crc
	}
	if fr.crc != f.crc {
		return &DamageError{Breaks: Checksums, What: fmt.Sprintf("checksum chain is %08x, should be %08x", f.crc, fr.crc)}
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
func (s *scan) marker(fr frame) *DamageError {
	var m walpb.Snapshot
	if damage := decode(fr.data, &m, "snapshot marker"); damage != nil {
		return damage
	}
	s.markers = append(s.markers, m)
	term, known := s.span.term(m.Index)
	if m.Index > s.span.last() || known && term != m.Term {
		s.reset = &m
	}
	return nil
}

// addEntry notes an entry. One that repeats an index replaces what was written
// there and behind it.
func (s *scan) addEntry(fr frame) *DamageError {
	e, damage := parseEntry(fr.data)
	if damage != nil {
		return damage
	}
	at := s.spot(fr.offset)
	if s.reset != nil && e.Index == s.reset.Index+1 {
		s.dropAll(at)
	}
	s.reset = nil
	if damage := s.span.follows(e); damage != nil {
		return damage
	}
	s.truncate(e.Index, at)
	s.span.add(e)
	if e.Type == raftpb.EntryConfChange {
		s.confs = append(s.confs, confData{index: e.Index, at: s.place(at), data: bytes.Clone(e.Data)})
	}
	s.tap.entry(s.place(at), e)
	return nil
}

// truncate drops the entries from index on; what is at this spot replaces them.
func (s *scan) truncate(index uint64, at spot) {
	if index > s.span.last() {
		return
	}
	s.span.truncate(index, at)
	for n := len(s.confs); n > 0 && s.confs[n-1].index >= index; n-- {
		s.confs = s.confs[:n-1]
	}
}

// dropAll drops the entries before a spot, as the raft snapshot of the leader
// stands for them.
func (s *scan) dropAll(at spot) {
	s.truncate(s.span.first, at)
}

func (s *scan) spot(offset int64) spot {
	return spot{segment: len(s.segments) - 1, offset: offset}
}

func (s *scan) place(at spot) place {
	return place{file: s.segments[at.segment].path, offset: at.offset}
}
