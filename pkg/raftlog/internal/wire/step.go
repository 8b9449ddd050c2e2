package wire

func (f *field) step() step {
	switch {
	case f.isMap:
		return stepMap
	case f.kind == kindMessage && f.child.isNumbers():
		return stepNumbers
	case f.kind == kindMessage:
		return stepMessage
	case f.kind == kindStdDuration:
		return stepStdDuration
	case f.kind == kindFloat:
		return stepFloat
	case f.scalar():
		return stepVarint
	}
	return stepBytes
}

// isNumbers tells of timestamps, versions and the like: one varint, or two.
func (m *Message) isNumbers() bool {
	if len(m.fields) != 2 && len(m.fields) != 3 {
		return false
	}
	for _, f := range m.fields[1:] {
		if f.step() != stepVarint || f.list {
			return false
		}
	}
	return true
}

// wireType is that of the field; a list of numbers may also be packed.
func (f *field) wireType() int {
	switch f.step() {
	case stepVarint:
		return wireVarint
	case stepFloat:
		return wire32
	}
	return wireBytes
}
