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
	return p.object(append(dst, '{'), m, raw)
}

// object renders the fields of a message and the brace behind them.
func (p *printer) object(dst []byte, m *Message, raw []byte) []byte {
	var few [fewFields]run
	always := m.always
	for _, r := range m.runs(few[:0], raw) {
		if r.f != nil {
			dst, always = p.absent(dst, m, always, r.number)
			dst = p.field(dst, r.f, r.raw)
		}
	}
	dst, _ = p.absent(dst, m, always, len(m.fields))
	return append(dst, '}')
}

// fewFields are as many as most messages have; more are kept on the heap.
const fewFields = 16

// field renders all that a message has of one field, and its name.
func (p *printer) field(dst []byte, f *field, raw []byte) []byte {
	switch {
	case f.isMap:
		return p.mapValue(label(dst, f), f, raw)
	case f.list:
		return p.list(dst, f, raw)
	}
	w, _ := next(raw)
	if f.leftOut(&w) {
		return dst
	}
	return p.value(label(dst, f), f, &w)
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

// list leaves out a packed list of none.
func (p *printer) list(dst []byte, f *field, raw []byte) []byte {
	start := len(dst)
	dst = append(label(dst, f), '[')
	open := len(dst)
	for at := 0; at < len(raw); {
		_, begin, end := head(raw, at)
		if end < 0 {
			return p.fail(dst, reason(end))
		}
		if f.scalar() {
			dst = p.numbers(dst, f, raw[begin:end])
		} else {
			dst = append(p.value(dst, f, &Field{Data: raw[begin:end]}), ',')
		}
		at = end
	}
	if len(dst) == open {
		return dst[:start]
	}
	dst[len(dst)-1] = ']'
	return dst
}

// numbers renders one field of a list, which may be packed, each element with a
// comma behind it.
func (p *printer) numbers(dst []byte, f *field, data []byte) []byte {
	for at := 0; at < len(data); {
		var v Field
		if v.Varint, at = uvarint(data, at); at < 0 {
			return p.fail(dst, reason(at))
		}
		dst = append(p.value(dst, f, &v), ',')
	}
	return dst
}

// scalar tells of kinds that are a varint on the wire.
func (f *field) scalar() bool { return f.kind < kindFloat }
