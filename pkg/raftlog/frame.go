package raftlog

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
)

const (
	headerBytes = 8
	sectorBytes = 512

	// maxRecordBytes bounds what one record may ask to allocate. swarmkit
	// keeps an entry below 1.5 MiB, engines up to 20.10 refuse to read more
	// than 10 MB.
	maxRecordBytes = 64 << 20

	// maxPrefixBytes holds the fields of a record up to its data.
	maxPrefixBytes = 32
)

// frameError is a frame that cannot be read. Whether it is damage or the end
// of the log depends on the segment it stands in.
type frameError struct {
	what string
	err  error
	// torn: an interrupted write may have left it like this.
	torn bool
}

func (e *frameError) Error() string { return e.what }

// frame is one intact record and its place.
type frame struct {
	offset int64
	rec    walpb.Record
}

// frames reads the records of one segment in order.
type frames struct {
	in     *bufio.Reader
	size   int64
	offset int64 // of the frame that next reads
	taken  int64 // bytes read so far, beyond offset after a bad frame
	crc    uint32
	buf    []byte
}

// newFrames reads at most size bytes of in; crc is the checksum at the end of
// the segment before.
func newFrames(in io.Reader, size int64, crc uint32) *frames {
	return &frames{in: bufio.NewReaderSize(io.LimitReader(in, size), 64<<10), size: size, crc: crc}
}

// next returns the next record; its data is valid until the call after. The
// error is io.EOF at the end of the segment, a *frameError for a bad frame, or
// that of the reader.
func (f *frames) next() (frame, error) {
	length, pad, err := f.header()
	if err != nil {
		return frame{}, err
	}
	body, err := f.body(length, pad)
	if err != nil {
		return frame{}, err
	}
	fr := frame{offset: f.offset}
	if err := f.decode(&fr.rec, body); err != nil {
		return frame{}, err
	}
	f.offset += headerBytes + int64(length+pad)
	return fr, nil
}

func (f *frames) header() (length, pad int, err error) {
	var head [headerBytes]byte
	n, err := io.ReadFull(f.in, head[:])
	f.taken += int64(n)
	if err == io.ErrUnexpectedEOF {
		return 0, 0, &frameError{what: "frame header is cut short", torn: true}
	}
	if err != nil {
		return 0, 0, err
	}
	field := binary.LittleEndian.Uint64(head[:])
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
	if size == 0 || size > maxRecordBytes || (size+uint64(pad))%8 != 0 {
		return 0, 0, &frameError{what: fmt.Sprintf("frame length %d is invalid", size)}
	}
	if int64(size)+int64(pad) > f.size-f.offset-headerBytes {
		return 0, 0, f.cutShort(int(size))
	}
	return int(size), pad, nil
}

// cutShort tells a record that the file ends in from a damaged length.
func (f *frames) cutShort(size int) *frameError {
	start, _ := f.in.Peek(maxPrefixBytes)
	if bad := checkLength(start, size); bad != nil {
		return bad
	}
	return &frameError{what: "record is cut short", torn: true}
}

// checkLength compares the length in the frame with what the record says of
// itself, as far as its first bytes are there.
func checkLength(start []byte, size int) *frameError {
	if own, ok := recordLength(start); ok && own != size {
		return &frameError{what: fmt.Sprintf("frame length is %d, that of the record %d", size, own)}
	}
	return nil
}

// recordLength reads the length of a walpb.Record from its first bytes: type,
// checksum and the length of its data, in this order. Checksum records alone
// have no data.
func recordLength(start []byte) (int, bool) {
	kind, at, ok := prefix(start, 0, 1<<3)
	if !ok {
		return 0, false
	}
	_, at, ok = prefix(start, at, 2<<3)
	if !ok || kind == uint64(wal.CrcType) {
		return at, ok
	}
	data, at, ok := prefix(start, at, 3<<3|2)
	return at + int(data), ok && data <= maxRecordBytes
}

// prefix reads a number behind its tag.
func prefix(b []byte, at int, tag byte) (value uint64, next int, ok bool) {
	if at >= len(b) || b[at] != tag {
		return 0, 0, false
	}
	value, n := binary.Uvarint(b[at+1:])
	return value, at + 1 + n, n > 0
}

func (f *frames) body(length, pad int) ([]byte, error) {
	if cap(f.buf) < length+pad {
		f.buf = make([]byte, length+pad)
	}
	f.buf = f.buf[:length+pad]
	n, err := io.ReadFull(f.in, f.buf)
	f.taken += int64(n)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil, &frameError{what: "record is cut short", torn: true}
	}
	if err != nil {
		return nil, err
	}
	return f.buf[:length], nil
}

func (f *frames) decode(rec *walpb.Record, body []byte) error {
	if bad := checkLength(body, len(body)); bad != nil {
		return bad
	}
	if err := rec.Unmarshal(body); err != nil {
		return &frameError{what: "decode record", err: err, torn: hasZeroSector(body, f.offset+headerBytes)}
	}
	if rec.Type == wal.CrcType {
		return nil
	}
	crc := crc32.Update(f.crc, crc32.MakeTable(crc32.Castagnoli), rec.Data)
	if crc != rec.Crc {
		return &frameError{
			what: fmt.Sprintf("checksum is %08x, should be %08x", crc, rec.Crc),
			torn: hasZeroSector(body, f.offset+headerBytes),
		}
	}
	f.crc = crc
	return nil
}

// rest reads on to the end of the segment and counts the bytes from the
// current frame to the last one that is not zero. Of a bad frame, what was
// already read counts in full.
func (f *frames) rest() (int64, error) {
	last := f.offset
	if f.taken > f.offset+headerBytes {
		last = f.taken
	}
	buf, zeros := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := f.in.Read(buf)
		if !bytes.Equal(buf[:n], zeros[:n]) {
			last = f.taken + int64(len(bytes.TrimRight(buf[:n], "\x00")))
		}
		f.taken += int64(n)
		if err == io.EOF {
			return last - f.offset, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// hasZeroSector tells whether the part of the record in some disk sector is
// all zero: that sector was allocated, but never written.
func hasZeroSector(body []byte, offset int64) bool {
	for len(body) > 0 {
		n := min(int(sectorBytes-offset%sectorBytes), len(body))
		if allZero(body[:n]) {
			return true
		}
		body, offset = body[n:], offset+int64(n)
	}
	return false
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
