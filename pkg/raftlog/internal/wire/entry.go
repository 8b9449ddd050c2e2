package wire

// part is a key (number 1) or a value (number 2) of a map's entry, or something
// that an entry should not have (number 0).
type part struct{ number, begin int }

// entryField reads one field of an entry as gogo's code does: the wire types of
// key and value do not matter, and both may reach beyond the entry, as long as
// they end with the message. It returns where the field ends.
func entryField(raw []byte, at, end int) (part, int) {
	tag, next := uvarint(raw, at)
	if next < 0 {
		return part{}, next
	}
	number := numberOf(tag)
	if number != 1 && number != 2 {
		next = skip(raw, at)
		if next > end {
			return part{}, cutOff
		}
		return part{}, next
	}
	begin, next := span(raw, next)
	return part{number, begin}, next
}

// entry is what an entry of a map says. A value that is a message is nil in
// the api package if there is none.
type entry struct {
	key, value []byte
	valued     bool
	unknown    bool // it holds more than a key and a value
}

// readEntry reads an entry, the last key and value of which count.
func readEntry(raw []byte, at, end int) (e entry, ok bool) {
	if plainEntry(raw[at:end]) {
		value := at + 2 + int(raw[at+1])
		return entry{key: raw[at+2 : value], value: raw[value+2 : end], valued: true}, true
	}
	for at < end {
		p, next := entryField(raw, at, end)
		if next < 0 {
			return e, false
		}
		switch p.number {
		case 0:
			e.unknown = true
		case 1:
			e.key = raw[p.begin:next]
		case 2:
			e.value, e.valued = raw[p.begin:next], true
		}
		at = next
	}
	return e, true
}
