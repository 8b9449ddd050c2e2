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
	if _, err := m.Check(raw); err != nil {
		return dst, err
	}
	p := printer{reveal: reveal}
	out := p.message(dst, m, raw)
	if p.what != "" {
		return dst, &Error{Offset: -1, What: p.what}
	}
	return out, nil
}

// printer renders what Check found valid.
type printer struct {
	reveal bool
	what   string // the first that JSON has no form for
}

func (p *printer) fail(dst []byte, what string) []byte {
	if p.what == "" {
		p.what = what
	}
	return dst
}

func (p *printer) message(dst []byte, m *Message, raw []byte) []byte {
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
	return p.object(append(dst, '{'), m, m.tidy(raw))
}

// object renders the fields of a message and the brace behind them.
func (p *printer) object(dst []byte, m *Message, raw []byte) []byte {
	always := m.always
	for len(raw) > 0 {
		w, at := next(raw)
		if at < 0 {
			return p.fail(dst, reason(at))
		}
		f := m.field(w.Number)
		if f == nil {
			raw = raw[at:]
			continue
		}
		dst, always = p.absent(dst, m, always, w.Number)
		switch {
		case f.isMap:
			dst, raw = p.mapField(dst, f, raw)
		case f.list:
			dst, raw = p.listField(dst, f, raw)
		default:
			dst, raw = p.single(dst, f, &w), raw[at:]
		}
	}
	dst, _ = p.absent(dst, m, always, len(m.fields))
	return append(dst, '}')
}

// absent renders the messages before a field that JSON always shows. It
// returns those that are still to come.
func (p *printer) absent(dst []byte, m *Message, always []int, before int) ([]byte, []int) {
	for len(always) > 0 && always[0] < before {
		f := &m.fields[always[0]]
		dst = p.message(label(dst, f), f.child, nil)
		always = always[1:]
	}
	if len(always) > 0 && always[0] == before {
		always = always[1:]
	}
	return dst, always
}

// label appends the name of a field, and the comma that it needs: no value ends
// in an opening brace.
func label(dst []byte, f *field) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(dst, f.label...)
}

func (p *printer) single(dst []byte, f *field, w *Field) []byte {
	if f.leftOut(w) {
		return dst
	}
	return p.value(label(dst, f), f, w)
}

// leftOut tells of zero values that JSON does not show.
func (f *field) leftOut(w *Field) bool {
	if f.oneof != 0 {
		return false
	}
	switch f.kind {
	case kindMessage, kindBytes:
		return false
	case kindString:
		return len(w.Data) == 0
	case kindFloat:
		return float(w) == 0
	case kindStdDuration:
		seconds, nanos := secondsAndNanos(w.Data)
		return seconds == 0 && nanos == 0
	case kindInt64, kindUint64, kindBool:
		return w.Varint == 0
	}
	return uint32(w.Varint) == 0
}

func (p *printer) listField(dst []byte, f *field, raw []byte) (out, rest []byte) {
	start := len(dst)
	dst = append(label(dst, f), '[')
	open := len(dst)
	for len(raw) > 0 {
		w, at := next(raw)
		if at < 0 || w.Number != f.number {
			break
		}
		dst = p.elements(dst, f, &w)
		raw = raw[at:]
	}
	if len(dst) == open { // a packed list of none
		return dst[:start], raw
	}
	dst[len(dst)-1] = ']'
	return dst, raw
}

// elements renders one field of a list, each element with a comma behind it.
func (p *printer) elements(dst []byte, f *field, w *Field) []byte {
	if w.Wire != wireBytes || !f.scalar() {
		return append(p.value(dst, f, w), ',')
	}
	for at := 0; at < len(w.Data); {
		var v Field
		if v.Varint, at = uvarint(w.Data, at); at < 0 {
			return p.fail(dst, reason(at))
		}
		dst = append(p.value(dst, f, &v), ',')
	}
	return dst
}

// scalar tells of kinds that are a varint on the wire.
func (f *field) scalar() bool { return f.kind < kindFloat }
