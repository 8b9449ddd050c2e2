package wire

import (
	"encoding/binary"
	"math"
	"math/bits"
	"time"
)

// Check walks raw to its leaves, without allocating if it is valid. It tells
// newer of a message with fields, or members of a oneof, that Message does not
// know, at any depth: one written by a newer engine. It accepts what gogo's
// Unmarshal accepts, strings that are no UTF-8 included, and nothing else.
// Errors are of type [*Error].
func (m *Message) Check(raw []byte) (newer bool, err error) {
	w := walk{}
	if at := w.message(m, raw[:len(raw):len(raw)], 0); at < 0 {
		return false, &Error{Offset: w.offset, What: w.what}
	}
	return w.newer, nil
}

// walk is the state of a Check.
type walk struct {
	newer  bool
	offset int // of the damaged field
	what   string
}

// frame is a message that goes on behind the one inside it.
type frame struct {
	m   *Message
	end int
}

func (w *walk) fail(offset, at int) int {
	if w.what == "" {
		w.offset, w.what = offset, reason(at)
	}
	return at
}

// message checks raw from a place on. What verifying a log costs beside the
// cipher is this loop. So it is iterative, it passes over fields that need one
// byte each for their tag and length without a call, and what reaches beyond
// the end is found there.
func (w *walk) message(m *Message, raw []byte, at int) int {
	var stack [maxDepth]frame
	depth, begin := 0, at
	for {
		for at < len(raw) {
			begin = at
			o := m.ops[raw[at]]
			if at+1 < len(raw) && raw[at+1] < 0x80 {
				if o.step == stepBytes {
					at += 2 + int(raw[at+1])
					continue
				}
				if o.step == stepVarint {
					at += 2
					continue
				}
			}
			if o.step != stepMessage {
				if at = w.field(m, o, raw, at); at < 0 {
					return w.fail(begin, at)
				}
				continue
			}
			var end int
			if at, end = span(raw, at+1); end < 0 || depth == maxDepth {
				return w.fail(begin, min(end, cutOff))
			}
			stack[depth] = frame{m, len(raw)}
			depth++
			m, raw = m.children[o.child], raw[:end]
		}
		if at > len(raw) {
			return w.fail(begin, cutOff)
		}
		if depth == 0 {
			return at
		}
		depth--
		m, raw = stack[depth].m, raw[:stack[depth].end]
	}
}

// field checks any field and returns where it ends, which may be beyond raw.
func (w *walk) field(m *Message, o op, raw []byte, at int) int {
	if at++; o.step == stepRare {
		if o, at = w.rare(m, raw, at-1); at < 0 {
			return at
		}
	}
	switch o.step {
	case stepVarint:
		return pastVarint(raw, at)
	case stepMap:
		return w.mapEntry(m, o, raw, at)
	case stepFloat:
		return at + 4
	case stepDone:
		return at
	}
	at, end := span(raw, at)
	if end < 0 || o.step == stepBytes {
		return end
	}
	child := m.children[o.child]
	if o.step == stepNumbers && child.numbersEnd(raw, at, end) == end {
		return end
	}
	if bad := w.message(child, raw[:end], at); bad < 0 {
		return bad
	}
	if o.step == stepStdDuration && !fitsInt64(secondsAndNanos(raw[at:end])) {
		w.offset, w.what = at, "duration out of range"
		return badTag
	}
	return end
}

// numbersEnd returns where the first one or two fields of a message end, if
// they are numbers 1 and 2. Timestamps and versions hold no more.
func (m *Message) numbersEnd(raw []byte, at, end int) int {
	if at < end && raw[at] == 1<<3 {
		at = pastVarint(raw, at+1)
	}
	if at > 0 && at < end && raw[at] == 2<<3 && len(m.fields) == 3 {
		at = pastVarint(raw, at+1)
	}
	return at
}

// pastVarint may look beyond the end of raw, but not of what Check was given.
func pastVarint(raw []byte, at int) int {
	if at+8 <= cap(raw) {
		ends := ^binary.LittleEndian.Uint64(raw[at:at+8]) & 0x8080808080808080
		if ends != 0 {
			return at + 1 + bits.TrailingZeros64(ends)/8
		}
	}
	_, at = longVarint(raw, at)
	return at
}

// rare reads a tag that is not of the common form. It returns the op of a field
// and where its value is, or has passed over it.
func (w *walk) rare(m *Message, raw []byte, begin int) (o op, at int) {
	tag, at := uvarint(raw, begin)
	if at < 0 {
		return o, at
	}
	n := numberOf(tag)
	if n <= 0 {
		return o, badTag
	}
	f := m.field(n)
	switch wire := int(tag & 7); {
	case f == nil:
		w.newer = true
		return op{step: stepDone}, skip(raw, begin)
	case wire == f.wire:
		return f.op, at
	case wire == wireBytes && f.list && f.scalar():
		return op{step: stepDone}, packedEnd(raw, at)
	}
	w.offset, w.what = begin, "field of another wire type than that of its type"
	return o, badTag
}

// packedEnd passes over a packed list. As in gogo's code the last element may
// reach beyond the length that was given.
func packedEnd(raw []byte, at int) int {
	at, end := span(raw, at)
	if end < 0 {
		return end
	}
	for at >= 0 && at < end {
		_, at = uvarint(raw, at)
	}
	return at
}

// plainEntry tells of an entry of a map of strings as engines write it: key and
// value, both shorter than 128 bytes.
func plainEntry(e []byte) bool {
	if len(e) < 4 || e[0] != 1<<3|wireBytes || e[1] >= 0x80 {
		return false
	}
	value := 2 + int(e[1])
	if value+1 >= len(e) || e[value] != 2<<3|wireBytes || e[value+1] >= 0x80 {
		return false
	}
	return value+2+int(e[value+1]) == len(e)
}

// mapEntry checks an entry and returns where it ends. What is wrong with it
// is kept.
func (w *walk) mapEntry(m *Message, o op, raw []byte, at int) int {
	at, end := span(raw, at)
	if end < 0 || o.child == noChild && plainEntry(raw[at:end]) {
		return end
	}
	for at < end {
		p, next := entryField(raw, at, end)
		if next < 0 {
			return w.fail(at, next)
		}
		w.newer = w.newer || p.number == 0
		if p.number == 2 && o.child != noChild {
			if bad := w.message(m.children[o.child], raw[:next], p.begin); bad < 0 {
				return bad
			}
		}
		at = next
	}
	return end
}

// fits tells of the valid bytes of a duration that the api package can keep.
func (f *field) fits(data []byte) bool {
	_, err := f.child.Check(data)
	return err == nil && fitsInt64(secondsAndNanos(data))
}

// fitsInt64 tells of a valid duration that is a number of nanoseconds.
func fitsInt64(seconds, nanos int64) bool {
	const most = math.MaxInt64 / int64(time.Second)
	if !validDuration(seconds, nanos) || seconds > most || seconds < -most {
		return false
	}
	total := seconds*int64(time.Second) + nanos
	return nanos == 0 || (total < 0) == (nanos < 0)
}
