package raftlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"syscall"
)

// rest reads on to the end of the segment and counts the bytes from the
// current frame to the last one that is not zero. What was allocated and never
// written is passed over where the file system can tell: it may be 64 MB.
func (f *frames) rest() (int64, error) {
	last := int64(lastNonZero(f.buf[f.from:f.to]))
	at := int64(f.to - f.from)
	hole, err := f.skipHole(f.offset + at)
	if err != nil || hole < 0 {
		return last, err
	}
	at += hole
	for buf, zeros := make([]byte, windowBytes), make([]byte, windowBytes); ; {
		n, err := f.in.Read(buf)
		if !bytes.Equal(buf[:n], zeros[:n]) {
			last = at + int64(lastNonZero(buf[:n]))
		}
		at += int64(n)
		if n == 0 && errors.Is(err, io.EOF) {
			return last, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
	}
}

// seekData is SEEK_DATA of lseek(2), which takes space that is allocated and
// was never written for a hole.
const seekData = 3

// skipHole moves to the next byte that was written behind a place, and returns
// how far that is, -1 if there is none.
func (f *frames) skipHole(from int64) (int64, error) {
	file, ok := f.in.(*io.LimitedReader).R.(io.Seeker)
	if !ok || runtime.GOOS != "linux" {
		return 0, nil
	}
	data, err := file.Seek(from, seekData)
	if errors.Is(err, syscall.ENXIO) {
		return -1, nil
	}
	if err == nil && data < f.size {
		f.in = io.LimitReader(f.in.(*io.LimitedReader).R, f.size-data)
		return data - from, nil
	}
	_, err = file.Seek(from, io.SeekStart)
	return 0, err
}

// lastNonZero is the length of b without the zeros at its end.
func lastNonZero(b []byte) int {
	for len(b) >= 8 && binary.LittleEndian.Uint64(b[len(b)-8:]) == 0 {
		b = b[:len(b)-8]
	}
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return len(b)
}

// hasZeroSector tells whether the part of the record in some disk sector is
// all zero: that sector was allocated, but never written.
func hasZeroSector(body []byte, offset int64) bool {
	for len(body) > 0 {
		n := min(int(sectorBytes-offset%sectorBytes), len(body))
		if lastNonZero(body[:n]) == 0 {
			return true
		}
		body, offset = body[n:], offset+int64(n)
	}
	return false
}
