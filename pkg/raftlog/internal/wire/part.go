package wire

// Part finds the field at a place if it is of a number below 16 and a varint or
// of a given length: its tag, and where its value begins and ends. It returns
// zeros for all else, and for what is malformed: [Next] tells more.
func Part(raw []byte, at int) (tag byte, begin, end int) {
	if at >= len(raw) || raw[at] >= 0x80 || raw[at] < 1<<3 {
		return 0, 0, 0
	}
	switch raw[at] & 7 {
	case wireVarint:
		begin, end = at+1, pastVarint(raw, at+1)
	case wireBytes:
		begin, end = span(raw, at+1)
	}
	if end <= 0 || end > len(raw) {
		return 0, 0, 0
	}
	return raw[at], begin, end
}
