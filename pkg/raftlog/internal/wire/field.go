package wire

import "encoding/binary"

// Field is one field of a message as it stands on the wire.
type Field struct {
	Number int
	// Wire is the wire type: 0 varint, 1 and 5 fixed, 2 with a length, 3 a group.
	Wire int
	// Varint is the value of wire types 0, 1 and 5.
	Varint uint64
	// Data is the value of wire type 2, and all of a group behind its first
	// tag. It is part of what was handed in.
	Data []byte
}

// What may be wrong with a field. Positions below zero stand for them.
const (
	cutOff = -1 - iota
	overlong
	badTag
	badEnd
)

func reason(at int) string {
	switch at {
	case cutOff:
		return "field reaches beyond the end of its message"
	case overlong:
		return "varint of more than ten bytes"
	case badEnd:
		return "end of a group that did not begin"
	}
	return "invalid tag"
}

// uvarint reads as gogo's code does, which takes ten bytes and drops bits
// beyond 64. It returns where the next byte is.
func uvarint(raw []byte, at int) (uint64, int) {
	if at < len(raw) && raw[at] < 0x80 {
		return uint64(raw[at]), at + 1
	}
	return longVarint(raw, at)
}

func longVarint(raw []byte, at int) (v uint64, next int) {
	for shift := 0; shift < 70; shift += 7 {
		if at >= len(raw) {
			return 0, cutOff
		}
		b := raw[at]
		at++
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, at
		}
	}
	return 0, overlong
}

// span reads a length and returns where its bytes begin and end; end is below
// zero where there are not that many.
func span(raw []byte, at int) (begin, end int) {
	n, begin := uvarint(raw, at)
	if begin < 0 {
		return 0, begin
	}
	if n > uint64(len(raw)-begin) {
		return 0, cutOff
	}
	return begin, begin + int(n)
}

// numberOf cuts a number to 32 bits, as gogo's code does. It is below 1 for an
// illegal tag.
func numberOf(tag uint64) int { return int(int32(tag >> 3)) }

// Next splits off the first field, which must be there. Errors are of type
// [*Error].
func Next(raw []byte) (f Field, rest []byte, err error) {
	f, at := next(raw)
	if at < 0 {
		return Field{}, nil, &Error{Offset: 0, What: reason(at)}
	}
	return f, raw[at:], nil
}

// next returns where the field ends, or what is wrong.
func next(raw []byte) (f Field, at int) {
	tag, at := uvarint(raw, 0)
	if at < 0 {
		return f, at
	}
	f.Number, f.Wire = numberOf(tag), int(tag&7)
	if f.Number <= 0 {
		return f, badTag
	}
	switch f.Wire {
	case wireBytes:
		begin, end := span(raw, at)
		if end < 0 {
			return f, end
		}
		f.Data = raw[begin:end]
		return f, end
	case wireVarint:
		f.Varint, at = uvarint(raw, at)
		return f, at
	}
	return nextRare(f, raw, at)
}

func nextRare(f Field, raw []byte, at int) (Field, int) {
	switch {
	case f.Wire == wire32 && len(raw)-at >= 4:
		f.Varint = uint64(binary.LittleEndian.Uint32(raw[at:]))
		return f, at + 4
	case f.Wire == wire64 && len(raw)-at >= 8:
		f.Varint = binary.LittleEndian.Uint64(raw[at:])
		return f, at + 8
	case f.Wire == wireGroup:
		end := skip(raw, 0)
		if end > 0 {
			f.Data = raw[at:end]
		}
		return f, end
	case f.Wire == wire32 || f.Wire == wire64:
		return f, cutOff
	case f.Wire == wireEnd:
		return f, badEnd
	}
	return f, badTag
}

// skip passes over the field at a place, whatever it is. Groups may nest, and
// nobody looks at the numbers in them.
func skip(raw []byte, at int) int {
	depth := 0
	for {
		var tag uint64
		if tag, at = uvarint(raw, at); at < 0 {
			return at
		}
		switch tag & 7 {
		case wireVarint:
			_, at = uvarint(raw, at)
		case wire64:
			at += 8
		case wireBytes:
			_, at = span(raw, at)
		case wireGroup:
			depth++
		case wireEnd:
			depth--
		case wire32:
			at += 4
		default:
			return badTag
		}
		switch {
		case at < 0:
			return at
		case at > len(raw):
			return cutOff
		case depth < 0:
			return badEnd
		case depth == 0:
			return at
		}
	}
}

// Bytes returns the value at a path of field numbers, of each the last one in
// its message. It is nil where there is none or raw is malformed on the way.
func Bytes(raw []byte, path ...int) []byte {
	for _, number := range path {
		f := last(raw, number)
		if f.Wire != wireBytes {
			return nil
		}
		raw = f.Data
	}
	return raw
}

// Uint is [Bytes] for a number.
func Uint(raw []byte, path ...int) uint64 {
	if len(path) == 0 {
		return 0
	}
	end := len(path) - 1
	return last(Bytes(raw, path[:end]...), path[end]).Varint
}

// last returns a field with number 0 where there is none.
func last(raw []byte, number int) (found Field) {
	place := -1
	for at := 0; at < len(raw); {
		tag, _, end := head(raw, at)
		if end < 0 {
			return Field{}
		}
		if tag>>3 == number {
			place = at
		}
		at = end
	}
	if place >= 0 {
		found, _ = next(raw[place:])
	}
	return found
}
