package unlock

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
)

// Algorithms of a MaybeEncryptedRecord (swarmkit api/types.proto).
const (
	algorithmNone      = 0
	algorithmSecretbox = 1
	algorithmFernet    = 2
)

// Tags of its fields: number << 3 | wire type.
const (
	tagAlgorithm = 1 << 3
	tagData      = 2<<3 | 2
	tagNonce     = 3<<3 | 2
)

// record is a MaybeEncryptedRecord. Parsed ones share memory with their input.
type record struct {
	algorithm uint64
	data      []byte
	nonce     []byte
}

func (r *record) encrypted() bool {
	return r != nil && r.algorithm != algorithmNone
}

// parseRecord is stricter than protobuf: fields come once and in order, as
// every engine writes them, and the sizes fit the algorithm. It is small enough
// to be inlined, and its record then need not be allocated.
func parseRecord(b []byte) (*record, error) {
	r := &record{}
	err := r.parse(b)
	return r, err
}

func (r *record) parse(b []byte) error {
	last := uint64(0)
	for off := 0; off < len(b); {
		tag, value, n := readField(b[off:])
		if n == 0 || tag <= last {
			return recordError(off, "it is no MaybeEncryptedRecord")
		}
		r.set(tag, value)
		last = tag
		off += n
	}
	return r.check()
}

func (r *record) set(tag uint64, value []byte) {
	switch tag {
	case tagAlgorithm:
		r.algorithm, _ = binary.Uvarint(value)
	case tagData:
		r.data = value
	case tagNonce:
		r.nonce = value
	}
}

// readField returns a field and its whole length, or the length 0 for bytes
// that are none of ours.
func readField(b []byte) (tag uint64, value []byte, n int) {
	tag, n = binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, 0
	}
	size, m := binary.Uvarint(b[n:])
	if m <= 0 {
		return 0, nil, 0
	}
	switch tag {
	case tagAlgorithm:
		return tag, b[n : n+m], n + m
	case tagData, tagNonce:
		value, ok := take(b[n+m:], size)
		if !ok {
			return 0, nil, 0
		}
		return tag, value, n + m + len(value)
	}
	return 0, nil, 0
}

func take(b []byte, size uint64) ([]byte, bool) {
	if size > uint64(len(b)) {
		return nil, false
	}
	return b[:size:size], true
}

func (r *record) check() error {
	switch r.algorithm {
	case algorithmNone:
		return nil
	case algorithmSecretbox:
		return r.checkSecretbox()
	case algorithmFernet:
		return r.checkFernet()
	}
	return recordError(0, fmt.Sprintf("algorithm %d is unknown, a newer engine may have written it", r.algorithm))
}

func (r *record) marshal() []byte {
	var b []byte
	if r.algorithm != 0 {
		b = append(b, tagAlgorithm)
		b = binary.AppendUvarint(b, r.algorithm)
	}
	b = appendBytes(b, tagData, r.data)
	return appendBytes(b, tagNonce, r.nonce)
}

func appendBytes(b []byte, tag byte, value []byte) []byte {
	if len(value) == 0 {
		return b
	}
	b = append(b, tag)
	b = binary.AppendUvarint(b, uint64(len(value)))
	return append(b, value...)
}

// header is the record as the value of a PEM header.
func (r *record) header() string {
	return base64.StdEncoding.EncodeToString(r.marshal())
}

func recordError(offset int, what string) *FormatError {
	return &FormatError{Part: "record", Offset: offset, What: what}
}
