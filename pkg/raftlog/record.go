package raftlog

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/raft/v3/raftpb"
)

// maxPrefixBytes holds the fields of a record up to its data.
const maxPrefixBytes = 32

// parseRecord reads a walpb.Record: type, checksum and data, in this order, as
// etcd has always written them. The data is a part of body.
func parseRecord(body []byte) (fr frame, ok bool) {
	kind, at, ok := number(body, 0, 1<<3)
	if !ok {
		return frame{}, false
	}
	crc, at, ok := number(body, at, 2<<3)
	if !ok || crc > 1<<32-1 {
		return frame{}, false
	}
	fr = frame{kind: int64(kind), crc: uint32(crc)}
	if at == len(body) {
		return fr, true
	}
	size, at, ok := number(body, at, 3<<3|2)
	if !ok || size != uint64(len(body)-at) {
		return frame{}, false
	}
	fr.data = body[at:]
	return fr, true
}

// number reads a varint behind its tag of one byte.
func number(b []byte, at int, tag byte) (value uint64, next int, ok bool) {
	if at+1 >= len(b) || b[at] != tag {
		return 0, 0, false
	}
	if c := b[at+1]; c < 0x80 {
		return uint64(c), at + 2, true
	}
	value, n := binary.Uvarint(b[at+1:])
	return value, at + 1 + n, n > 0
}

// checkLength compares the length in the frame with what the record says of
// itself, as far as its first bytes are there.
func checkLength(start []byte, size int) *frameError {
	if own, ok := recordLength(start); ok && own != size {
		return &frameError{what: fmt.Sprintf("frame length is %d, that of the record %d", size, own)}
	}
	return nil
}

// recordLength reads the length of a record from its first bytes. Checksum
// records alone have no data.
func recordLength(start []byte) (int, bool) {
	kind, at, ok := number(start, 0, 1<<3)
	if !ok {
		return 0, false
	}
	_, at, ok = number(start, at, 2<<3)
	if !ok || kind == uint64(wal.CrcType) {
		return at, ok
	}
	data, at, ok := number(start, at, 3<<3|2)
	return at + int(data), ok && data <= maxRecordBytes
}

// parseEntry reads a raftpb.Entry. Its data is a part of b where the fields
// stand in the order in which raft writes them.
func parseEntry(b []byte) (raftpb.Entry, *DamageError) {
	var e raftpb.Entry
	kind, at, ok := number(b, 0, 1<<3)
	if ok {
		e.Type = raftpb.EntryType(kind)
		e.Term, at, ok = number(b, at, 2<<3)
	}
	if ok {
		e.Index, at, ok = number(b, at, 3<<3)
	}
	if ok && at == len(b) {
		return e, nil
	}
	if ok {
		size, at, ok := number(b, at, 4<<3|2)
		if ok && size == uint64(len(b)-at) {
			e.Data = b[at:]
			return e, nil
		}
	}
	e = raftpb.Entry{}
	return e, decode(b, &e, "entry")
}
