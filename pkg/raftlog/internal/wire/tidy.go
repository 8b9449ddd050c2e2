package wire

import (
	"encoding/binary"
	"slices"
)

// run is all that a message has of one field, where its fields stand in order.
type run struct {
	number int
	f      *field // nil for one that Message does not know
	raw    []byte // with the tags
}

// runs appends the fields of a message in the order of their numbers: single
// ones once, one member of each oneof, lists without gaps, entries of maps and
// packed lists that end where they say. Engines write so, but for the order:
// gogo puts the member of a oneof where the last of its members would be. What
// somebody else wrote is copied into that form. It does not look into the
// messages inside.
func (m *Message) runs(few []run, raw []byte) []run {
	if runs, ok := m.split(few, raw); ok {
		return runs
	}
	runs, _ := m.split(few, m.tidied(raw))
	return runs
}

func (m *Message) split(runs []run, raw []byte) (sorted []run, ok bool) {
	inOrder, begin, previous := true, 0, 0
	var members uint64
	for at := 0; at < len(raw); {
		tag, value, end := head(raw, at)
		if end < 0 {
			return runs, false
		}
		number := tag >> 3
		f := m.field(number)
		again := number == previous
		if f != nil {
			if again && !f.list && !f.isMap || members&f.member() != 0 || !f.contained(tag&7, raw[value:end]) {
				return runs, false
			}
			members |= f.member()
		}
		if again {
			runs[len(runs)-1].raw = raw[begin:end]
		} else {
			inOrder = inOrder && previous < number
			begin, previous = at, number
			runs = append(runs, run{number, f, raw[at:end]})
		}
		at = end
	}
	return runs, inOrder || sortRuns(runs)
}

// sortRuns fails where a field is in two places.
func sortRuns(runs []run) bool {
	slices.SortFunc(runs, func(a, b run) int { return a.number - b.number })
	for i := 1; i < len(runs); i++ {
		if runs[i].number == runs[i-1].number {
			return false
		}
	}
	return true
}

// member is the bit of the oneof that a field belongs to.
func (f *field) member() uint64 { return 1 << f.oneof &^ 1 }

// contained tells that entries of maps and packed lists do not reach beyond
// their ends.
func (f *field) contained(wire int, data []byte) bool {
	switch {
	case f.isMap:
		if f.child == nil && plainEntry(data) {
			return true
		}
		_, ok := readEntry(data, 0, len(data))
		return ok
	case f.list && f.scalar() && wire == wireBytes:
		return len(data) == 0 || data[len(data)-1] < 0x80
	}
	return true
}

// piece is a field of a message that is being tidied.
type piece struct {
	number     int
	begin, end int
}

// tidied needs raw to be valid: it drops what it cannot read.
func (m *Message) tidied(raw []byte) []byte {
	pieces := m.pieces(raw)
	m.keepLastMembers(pieces)
	slices.SortStableFunc(pieces, func(a, b piece) int { return a.number - b.number })
	out := make([]byte, 0, len(raw))
	for len(pieces) > 0 {
		n := 1
		for n < len(pieces) && pieces[n].number == pieces[0].number {
			n++
		}
		if pieces[0].number > 0 {
			out = m.appendTidy(out, raw, pieces[:n])
		}
		pieces = pieces[n:]
	}
	return out
}

func (m *Message) pieces(raw []byte) []piece {
	var all []piece
	for at := 0; at < len(raw); {
		w, n := next(raw[at:])
		if n < 0 {
			break
		}
		end := at + n
		if f := m.field(w.Number); f != nil && f.list && f.scalar() && w.Wire == wireBytes {
			_, value := uvarint(raw, at)
			if end = packedEnd(raw, value); end < 0 {
				break
			}
		}
		all = append(all, piece{w.Number, at, end})
		at = end
	}
	return all
}

// keepLastMembers clears the numbers of members of oneofs that others replace.
func (m *Message) keepLastMembers(pieces []piece) {
	var members uint64
	for i := len(pieces) - 1; i >= 0; i-- {
		f := m.field(pieces[i].number)
		if f == nil || f.oneof == 0 {
			continue
		}
		if members&f.member() != 0 {
			pieces[i].number = 0
		}
		members |= f.member()
	}
}

// appendTidy appends all that raw has of one field.
func (m *Message) appendTidy(out, raw []byte, pieces []piece) []byte {
	f := m.field(pieces[0].number)
	switch {
	case f != nil && f.isMap:
		for _, p := range pieces {
			out = f.appendEntry(out, raw, p)
		}
		return out
	case f != nil && f.list && f.scalar():
		for _, p := range pieces {
			out = f.appendElements(out, raw[:p.end], p.begin)
		}
		return out
	case f != nil && !f.list && f.kind == kindMessage && len(pieces) > 1:
		return f.appendMerged(out, raw, pieces)
	case f != nil && !f.list:
		pieces = pieces[len(pieces)-1:]
	}
	for _, p := range pieces {
		out = append(out, raw[p.begin:p.end]...)
	}
	return out
}

func (f *field) tag(wire int) uint64 { return uint64(f.number)<<3 | uint64(wire) }

// appendMerged makes one message of several, as protobuf merges them: the
// fields of one behind those of the other.
func (f *field) appendMerged(out, raw []byte, pieces []piece) []byte {
	var merged []byte
	for _, p := range pieces {
		w, _ := next(raw[p.begin:p.end])
		merged = append(merged, w.Data...)
	}
	return appendBytes(out, f.tag(wireBytes), merged)
}

func (f *field) appendElements(out, raw []byte, at int) []byte {
	tag, value := uvarint(raw, at)
	if tag&7 != wireBytes {
		return append(out, raw[at:]...)
	}
	var v uint64
	for at, _ = span(raw, value); at < len(raw); {
		if v, at = uvarint(raw, at); at < 0 {
			break
		}
		out = binary.AppendUvarint(binary.AppendUvarint(out, f.tag(wireVarint)), v)
	}
	return out
}

func (f *field) appendEntry(out, raw []byte, p piece) []byte {
	_, at := uvarint(raw, p.begin)
	at, end := span(raw, at)
	e, ok := readEntry(raw, at, end)
	if !ok {
		return out
	}
	body := appendBytes(nil, 1<<3|wireBytes, e.key)
	if e.valued {
		body = appendBytes(body, 2<<3|wireBytes, e.value)
	}
	return appendBytes(out, f.tag(wireBytes), body)
}

func appendBytes(out []byte, tag uint64, data []byte) []byte {
	out = binary.AppendUvarint(binary.AppendUvarint(out, tag), uint64(len(data)))
	return append(out, data...)
}
