package wire

import "encoding/binary"

// head returns the tag of the field at a place, cut to a known number, and
// where its value begins and ends; end is below zero for what is wrong. It is
// next for those who want no value.
func head(raw []byte, at int) (tag, begin, end int) {
	if at+1 >= len(raw) || raw[at] >= 0x80 || raw[at] < 1<<3 {
		return rareHead(raw, at)
	}
	tag = int(raw[at])
	if tag&7 == wireVarint {
		if _, end = uvarint(raw, at+1); end < 0 {
			return 0, 0, end
		}
		return tag, at + 1, end
	}
	n, begin := int(raw[at+1]), at+2
	if n >= 0x80 && begin < len(raw) {
		n, begin = n&0x7f|int(raw[begin])<<7, begin+1
	}
	if tag&7 != wireBytes || n >= 1<<14 || begin+n > len(raw) {
		return rareHead(raw, at)
	}
	return tag, begin, begin + n
}

// number reads a value that is no bytes, from all of its own.
func number(wire int, raw []byte) uint64 {
	switch {
	case wire == wireVarint:
		v, _ := uvarint(raw, 0)
		return v
	case wire == wire32 && len(raw) == 4:
		return uint64(binary.LittleEndian.Uint32(raw))
	}
	return 0
}

func rareHead(raw []byte, at int) (tag, begin, end int) {
	f, n := next(raw[at:])
	if n < 0 {
		return 0, 0, n
	}
	end = at + n
	switch begin = end - len(f.Data); f.Wire {
	case wireVarint:
		_, begin = uvarint(raw, at)
	case wire32:
		begin = end - 4
	}
	return f.Number<<3 | f.Wire, begin, end
}
