package raftlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// An engine newer than the api package may write fields it does not know, and
// decoding drops them. These functions find the bytes such an object was
// decoded from, so that a rebuilt log keeps the fields. They run only when a
// message is longer than what was understood of it.

var errWire = errors.New("invalid wire format")

// field is one field of a protobuf message; data is set for those that have a
// length.
type field struct {
	number int
	data   []byte
}

// fields splits a message.
func fields(message []byte) ([]field, error) {
	var all []field
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		if n <= 0 || tag>>3 == 0 || tag>>3 > 1<<29 {
			return nil, errWire
		}
		message = message[n:]
		head, size, ok := fieldSize(message, tag&7)
		if !ok || size > uint64(len(message)-head) {
			return nil, errWire
		}
		end := head + int(size)
		f := field{number: int(tag >> 3)}
		if tag&7 == 2 {
			f.data = message[head:end]
		}
		all = append(all, f)
		message = message[end:]
	}
	return all, nil
}

// fieldSize returns the length of the prefix and of the value of a field.
func fieldSize(message []byte, wireType uint64) (head int, size uint64, ok bool) {
	switch wireType {
	case 0:
		_, n := binary.Uvarint(message)
		return 0, uint64(n), n > 0
	case 1:
		return 0, 8, true
	case 2:
		size, n := binary.Uvarint(message)
		return n, size, n > 0
	case 5:
		return 0, 4, true
	}
	return 0, 0, false
}

// keepUnknown notes the objects of the entry that have unknown fields.
func (e *Entry) keepUnknown(plain []byte) error {
	request, err := fields(plain)
	if err != nil {
		return fmt.Errorf("decode entry %d: %w", e.Index, err)
	}
	at := 0
	for _, action := range request {
		if action.number != 2 || at >= len(e.Actions) {
			continue
		}
		parts, err := fields(action.data)
		if err != nil {
			return fmt.Errorf("decode entry %d: %w", e.Index, err)
		}
		for _, part := range parts {
			if part.number == actionField(e.Actions[at].Object.Kind) {
				e.Actions[at].Object.keep(part.data)
			}
		}
		at++
	}
	return nil
}

// actionField returns the number of the field of a StoreAction that holds an
// object of the kind (api/raft.proto).
func actionField(kind Kind) int {
	order := []Kind{
		KindNode, KindService, KindTask, KindNetwork, KindCluster,
		KindSecret, KindResource, KindExtension, KindConfig, KindVolume,
	}
	return slices.Index(order, kind) + 2
}

// keepUnknown notes the objects of a snapshot that have unknown fields. The
// objects are all of them, in the order of [Kinds].
func keepUnknown(objects []Object, plain []byte) error {
	snapshot, err := fields(plain)
	if err != nil {
		return err
	}
	byKind := map[int][][]byte{}
	for _, part := range snapshot {
		if part.number != 3 {
			continue
		}
		store, err := fields(part.data)
		if err != nil {
			return err
		}
		for _, object := range store {
			byKind[object.number] = append(byKind[object.number], object.data)
		}
	}
	at := 0
	for number := range Kinds() {
		for _, raw := range byKind[number+1] {
			if at < len(objects) {
				objects[at].keep(raw)
			}
			at++
		}
		delete(byKind, number+1)
	}
	if len(byKind) > 0 {
		return fmt.Errorf("objects of unknown kind: %w", ErrNewerFormat)
	}
	return nil
}

// keep remembers how the object was written if decoding lost part of it.
func (o *Object) keep(raw []byte) {
	if m, ok := o.Value.(message); ok && m.Size() != len(raw) {
		o.unknown = bytes.Clone(raw)
	}
}
