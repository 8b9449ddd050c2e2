package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
)

const (
	headerBytes = 8
	sectorBytes = 512

	// windowBytes is what is read at once: small enough for the cache of a
	// core, large enough to hold some hundred entries.
	windowBytes = 256 << 10

	// maxRecordBytes bounds what one record may ask to allocate. swarmkit
	// keeps an entry below 1.5 MiB, engines up to 20.10 refuse to read more
	// than 10 MB.
	maxRecordBytes = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frameError is a frame that cannot be read. Whether it is damage or the end
// of the log depends on the segment it stands in.
type frameError struct {
	what   string
	err    error
	breaks Invariant
	// torn: an interrupted write may have left it like this.
	torn bool
}

func (e *frameError) Error() string { return e.what }

// frame is one intact record and its place.
type frame struct {
	offset int64
	kind   int64
	crc    uint32
	data   []byte
}

// frames reads the records of one segment in order.
type frames struct {
	in     io.Reader
	size   int64
	offset int64 // of the frame that next reads
	crc    uint32
	buf    []byte
	from   int // buf[from:to] was read and not yet returned
	to     int
	window func() []byte
	// unpadded: frames need not fill up to eight bytes.
	unpadded bool
}

// errStopped ends a reading that nobody waits for.
var errStopped = errors.New("stopped")

// newFrames reads at most size bytes of in; crc is the checksum at the end of
// the segment before. The function window returns a buffer to read into, which
// may be the one before, or nil to end the reading.
func newFrames(in io.Reader, size int64, crc uint32, window func() []byte) *frames {
	return &frames{in: io.LimitReader(in, size), size: size, crc: crc, window: window}
}

// next returns the next record; its data is valid for as long as its window is.
// The error is io.EOF at the end of the segment, a *frameError for a bad frame,
// errStopped, or that of the reader.
func (f *frames) next() (frame, error) {
	length, pad, err := f.header()
	if err != nil {
		return frame{}, err
	}
	total := headerBytes + length + pad
	if err := f.need(total); err != nil {
		return frame{}, shortRecord(err)
	}
	fr, err := f.decode(f.buf[f.from+headerBytes : f.from+headerBytes+length])
	if err != nil {
		return frame{}, err
	}
	fr.offset = f.offset
	f.from += total
	f.offset += int64(total)
	return fr, nil
}

func shortRecord(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &frameError{what: "record is cut short", torn: true}
	}
	return err
}

// need reads on until n bytes are there.
func (f *frames) need(n int) error {
	if f.to-f.from >= n {
		return nil
	}
	if err := f.move(n); err != nil {
		return err
	}
	for f.to-f.from < n {
		if f.to == len(f.buf) {
			f.buf = append(f.buf, make([]byte, min(n, max(2*len(f.buf), windowBytes))-len(f.buf))...)
		}
		got, err := f.in.Read(f.buf[f.to:])
		f.to += got
		if err == nil || f.to-f.from >= n {
			continue
		}
		if err == io.EOF && f.to > f.from {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	return nil
}

// move takes another window and puts what is left to its begin, if n bytes do
// not fit into this one.
func (f *frames) move(n int) error {
	if f.from+n <= len(f.buf) {
		return nil
	}
	rest, to := f.buf[f.from:f.to], f.window()
	if to == nil {
		return errStopped
	}
	if len(to) < len(rest) {
		to = make([]byte, len(rest))
	}
	f.to = copy(to, rest)
	f.from, f.buf = 0, to
	return nil
}

func (f *frames) header() (length, pad int, err error) {
	err = f.need(headerBytes)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, 0, &frameError{what: "frame header is cut short", torn: true}
	}
	if err != nil {
		return 0, 0, err
	}
	field := binary.LittleEndian.Uint64(f.buf[f.from:])
	if field == 0 {
		return 0, 0, io.EOF
	}
	return f.checkHeader(field)
}

func (f *frames) checkHeader(field uint64) (length, pad int, err error) {
	size, flags := field&(1<<56-1), byte(field>>56)
	pad = int(flags & 7)
	padded := flags == 0x80|byte(pad) && pad != 0
	if flags != 0 && !padded {
		return 0, 0, &frameError{what: "frame header is invalid"}
	}
	aligned := (size+uint64(pad))%8 == 0 || f.unpadded && pad == 0
	if size == 0 || size > maxRecordBytes || !aligned {
		return 0, 0, &frameError{what: fmt.Sprintf("frame length %d is invalid", size)}
	}
	if int64(size)+int64(pad) > f.size-f.offset-headerBytes {
		return 0, 0, f.cutShort(int(size))
	}
	return int(size), pad, nil
}

// cutShort tells a record that the file ends in from a damaged length.
func (f *frames) cutShort(size int) error {
	err := f.need(headerBytes + maxPrefixBytes)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if bad := checkLength(f.buf[f.from+headerBytes:f.to], size); bad != nil {
		return bad
	}
	return &frameError{what: "record is cut short", torn: true}
}

func (f *frames) decode(body []byte) (frame, error) {
	fr, ok := parseRecord(body)
	if !ok {
		return frame{}, f.badRecord(body)
	}
	if fr.kind == wal.CrcType {
		return fr, nil
	}
	crc := crc32.Update(f.crc, castagnoli, fr.data)
	if crc != fr.crc {
		return frame{}, &frameError{
			breaks: Checksums,
			what:   fmt.Sprintf("checksum is %08x, should be %08x", crc, fr.crc),
			torn:   hasZeroSector(body, f.offset+headerBytes),
		}
	}
	f.crc = crc
	return fr, nil
}

// badRecord says what is wrong with a record that parseRecord does not take.
func (f *frames) badRecord(body []byte) error {
	if bad := checkLength(body, len(body)); bad != nil {
		return bad
	}
	err := (&walpb.Record{}).Unmarshal(body)
	return &frameError{what: "decode record", err: err, torn: hasZeroSector(body, f.offset+headerBytes)}
}
