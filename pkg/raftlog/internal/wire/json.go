package wire

// AppendJSON renders raw in the JSON form of protobuf, as gogo's jsonpb does:
// names in lowerCamelCase, enums as words, bytes in base64, 64-bit integers as
// strings, fields that have their zero value left out. Fields come in the order
// of their numbers, maps in that of their keys; fields that Message does not
// know are left out. A google.protobuf.Any reads {"@type": url, "@value": its
// bytes}. Secrets read [Redacted] unless reveal is true, and of environment
// variables the name stays.
//
// Errors are of type [*Error], and dst is then returned as it was: they are
// those of [Message.Check], and timestamps and durations out of range.
func (m *Message) AppendJSON(dst, raw []byte, reveal bool) ([]byte, error) {
	p := printer{reveal: reveal}
	out := p.message(dst, m, raw)
	if p.untidy {
		if _, err := m.Check(raw); err != nil {
			return dst, err
		}
		p = printer{reveal: reveal, careful: true}
		out = p.message(out[:len(dst)], m, raw)
	}
	if p.what != "" {
		return dst, &Error{Offset: -1, What: p.what}
	}
	return out, nil
}

// printer renders bytes that nobody has checked as long as they are what engines
// write: all fields in order and of their wire types, single ones once. At what
// is not it sets untidy, and what it has rendered is worth nothing. A careful
// printer takes all that Check found valid.
type printer struct {
	reveal  bool
	careful bool
	untidy  bool
	what    string // the first that JSON has no form for
}

func (p *printer) fail(dst []byte, what string) []byte {
	if p.what == "" {
		p.what = what
	}
	return dst
}

// astray is for what only a careful printer takes.
func (p *printer) astray(dst []byte) []byte {
	p.untidy = true
	return dst
}

func (p *printer) message(dst []byte, m *Message, raw []byte) []byte {
	if m.form != formObject && !p.careful {
		if _, err := m.Check(raw); err != nil {
			return p.astray(dst)
		}
	}
	switch m.form {
	case formTimestamp:
		return p.timestamp(dst, raw)
	case formDuration:
		return p.duration(dst, raw)
	case formWrapper:
		return p.wrapper(dst, m, raw)
	case formAny:
		return p.any(dst, m, raw)
	}
	return p.object(append(dst, '{'), m, raw)
}

// object renders the fields of a message and the brace behind them.
func (p *printer) object(dst []byte, m *Message, raw []byte) []byte {
	number := 0
	if p.careful || m.mixed {
		dst, number = p.sorted(dst, m, raw)
	} else {
		dst, number = p.fields(dst, m, number, raw)
	}
	dst = p.absent(dst, m, number, len(m.fields))
	return append(dst, '}')
}

// sorted is fields for those that may stand in any order.
func (p *printer) sorted(dst []byte, m *Message, raw []byte) ([]byte, int) {
	var few [fewFields]run
	runs, ok := m.split(few[:0], raw)
	switch {
	case !ok && p.careful:
		runs = m.runs(few[:0], raw)
	case !ok:
		return p.astray(dst), 0
	}
	number := 0
	for _, r := range runs {
		if r.f != nil {
			dst, number = p.fields(dst, m, number, r.raw)
		}
	}
	return dst, number
}

// fewFields are as many as most messages have; more are kept on the heap.
const fewFields = 16

// fields renders those that come behind the one of a number, and returns the
// number of the last.
func (p *printer) fields(dst []byte, m *Message, number int, raw []byte) ([]byte, int) {
	for at := 0; at < len(raw); {
		tag, begin, end := head(raw, at)
		previous := number
		if number = tag >> 3; end < 0 || number <= previous {
			return p.astray(dst), number
		}
		if number > previous+1 {
			dst = p.absent(dst, m, previous, number)
		}
		switch f := m.field(number); {
		case f == nil:
		case tag&7 != f.wire && !p.careful:
			return p.astray(dst), number
		case f.isMap:
			dst, end = p.mapValue(dst, f, raw, at)
		case f.list:
			dst, end = p.list(dst, f, raw, at)
		default:
			dst = p.single(dst, f, tag&7, raw[begin:end])
		}
		at = end
	}
	return dst, number
}

// absent renders the messages between two fields that JSON always shows.
func (p *printer) absent(dst []byte, m *Message, after, before int) []byte {
	for _, number := range m.always {
		if after < number && number < before {
			f := &m.fields[number]
			dst = p.message(label(dst, f), f.child, nil)
		}
	}
	return dst
}

// single renders a field with its name, of which data are the bytes.
func (p *printer) single(dst []byte, f *field, wire int, data []byte) []byte {
	v := uint64(0)
	if wire != wireBytes {
		v, data = number(wire, data), nil
	}
	if f.kind == kindStdDuration && !p.careful && !f.fits(data) {
		return p.astray(dst)
	}
	if f.leftOut(v, data) {
		return dst
	}
	return p.value(label(dst, f), f, v, data)
}

// label appends the name of a field, and the comma that it needs: no value ends
// in an opening brace.
func label(dst []byte, f *field) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(dst, f.label...)
}

// leftOut tells of zero values that JSON does not show.
func (f *field) leftOut(v uint64, data []byte) bool {
	if f.oneof != 0 {
		return false
	}
	switch f.kind {
	case kindMessage, kindBytes:
		return false
	case kindString:
		return len(data) == 0
	case kindFloat:
		return float(v) == 0
	case kindStdDuration:
		seconds, nanos := secondsAndNanos(data)
		return seconds == 0 && nanos == 0
	case kindInt64, kindUint64, kindBool:
		return v == 0
	}
	return uint32(v) == 0
}

// list renders the fields of a list that begins at a place, and returns where
// they end. A packed list of none is left out.
func (p *printer) list(dst []byte, f *field, raw []byte, at int) ([]byte, int) {
	start := len(dst)
	dst = append(label(dst, f), '[')
	open := len(dst)
	for at < len(raw) {
		tag, begin, end := head(raw, at)
		if end < 0 || tag>>3 != f.number {
			break
		}
		if tag&7 != f.wire && !p.careful {
			return p.astray(dst), len(raw)
		}
		if f.scalar() {
			dst = p.numbers(dst, f, raw[begin:end])
		} else {
			dst = append(p.value(dst, f, 0, raw[begin:end]), ',')
		}
		at = end
	}
	if len(dst) == open {
		return dst[:start], at
	}
	dst[len(dst)-1] = ']'
	return dst, at
}

// numbers renders one field of a list, which may be packed, each element with a
// comma behind it.
func (p *printer) numbers(dst []byte, f *field, data []byte) []byte {
	for at := 0; at < len(data); {
		var v uint64
		if v, at = uvarint(data, at); at < 0 { // it reaches beyond its end
			return p.astray(dst)
		}
		dst = append(p.value(dst, f, v, nil), ',')
	}
	return dst
}

// scalar tells of kinds that are a varint on the wire.
func (f *field) scalar() bool { return f.kind < kindFloat }
