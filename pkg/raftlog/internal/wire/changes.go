package wire

import "bytes"

// Change is one field that two versions of a message do not share.
type Change struct {
	// Path is made of names in the JSON form, keys of maps and, below a list,
	// the index or, of environment variables, the name: spec task container
	// env HOME.
	Path []string
	// Before and After are the JSON of the value, "" where it is absent or
	// zero. They can read the same: of secrets both are [Redacted].
	Before, After string
}

// UnknownFields ends the path of a Change in fields that Message does not
// know. Such a Change tells nothing of their content.
const UnknownFields = "(unknown fields)"

// Changes compares two versions of a message in the order of their fields'
// numbers. Maps are compared by their keys and environment variables by their
// names, in whatever order they stand. Lists of the same length are compared
// element by element; of others the elements that only one has are told, with
// their index there. A message that only one has is one Change. Secrets are
// compared, and read [Redacted] unless reveal is true.
//
// What is equal byte for byte is not looked into, so that errors, of type
// [*Error], are found in what differs only.
func (m *Message) Changes(before, after []byte, reveal bool) ([]Change, error) {
	return m.ChangesIn(nil, before, after, reveal)
}

// Fields are some of the fields of a message; nil is all of them.
type Fields []Wanted

// Wanted is a field by its number, and of a message some of its fields.
type Wanted struct {
	Number int
	Below  Fields
}

func (some Fields) find(number int) (below Fields, wanted bool) {
	for i := range some {
		if some[i].Number == number {
			return some[i].Below, true
		}
	}
	return nil, some == nil
}

// ChangesIn is Changes of some fields alone.
func (m *Message) ChangesIn(some Fields, before, after []byte, reveal bool) ([]Change, error) {
	if bytes.Equal(before, after) {
		return nil, nil
	}
	d := shapes().differs.Get().(*differ)
	defer shapes().differs.Put(d)
	d.begin(reveal)
	d.message(m, some, before, after, true)
	if d.err != nil {
		return nil, firstError(d.err, m, before, after)
	}
	if d.show.what != "" {
		return nil, &Error{Offset: -1, What: d.show.what}
	}
	return d.changes(), nil
}

// firstError replaces an error in a part by the same with its offset.
func firstError(err error, m *Message, raws ...[]byte) error {
	for _, raw := range raws {
		if _, err := m.Check(raw); err != nil {
			return err
		}
	}
	return err
}

// differ compares. Its slices are kept for the next.
type differ struct {
	show  printer // of what is told
	full  printer // of what is compared
	path  []string
	a, b  []byte // room for values
	all   []told
	names []string
	texts []byte
	err   error
}

func (d *differ) begin(reveal bool) {
	d.show, d.full, d.err = printer{reveal: reveal, careful: true}, printer{reveal: true, careful: true}, nil
	d.path, d.all, d.names, d.texts = d.path[:0], d.all[:0], d.names[:0], d.texts[:0]
}

// message compares some fields of two messages; top is that which is not
// checked yet.
func (d *differ) message(m *Message, some Fields, before, after []byte, top bool) {
	var fewA, fewB [fewFields]run
	a, b := d.runs(m, fewA[:0], before, top), d.runs(m, fewB[:0], after, top)
	unknown := false
	for d.err == nil && len(a)+len(b) > 0 {
		number := lowest(a, b)
		below, wanted := some.find(number)
		var f *field
		var x, y []byte
		if len(a) > 0 && a[0].number == number {
			f, x, a = a[0].f, a[0].raw, a[1:]
		}
		if len(b) > 0 && b[0].number == number {
			f, y, b = b[0].f, b[0].raw, b[1:]
		}
		switch {
		case !wanted || bytes.Equal(x, y):
		case top && !d.check(m, x) || top && !d.check(m, y):
			return
		case f == nil:
			unknown = true
		default:
			d.field(f, below, x, y)
		}
	}
	if unknown {
		d.tell(UnknownFields, nil, nil)
	}
}

// lowest is the number that comes first.
func lowest(a, b []run) int {
	switch {
	case len(b) == 0:
		return a[0].number
	case len(a) == 0:
		return b[0].number
	}
	return min(a[0].number, b[0].number)
}

func (d *differ) runs(m *Message, few []run, raw []byte, top bool) []run {
	runs, ok := m.split(few, raw)
	if ok || top && !d.check(m, raw) {
		return runs
	}
	return m.runs(few, raw)
}

func (d *differ) check(m *Message, raw []byte) bool {
	if _, err := m.Check(raw); err != nil {
		d.err = err
		return false
	}
	return true
}

// field compares what two messages have of a field, of which they differ.
func (d *differ) field(f *field, some Fields, before, after []byte) {
	d.path = append(d.path, f.name)
	switch {
	case f.isMap:
		d.maps(f, before, after)
	case f.env:
		d.variables(f, before, after)
	case f.list:
		d.lists(f, before, after)
	default:
		d.single(f, some, before, after)
	}
	d.path = d.path[:len(d.path)-1]
}

func (d *differ) single(f *field, some Fields, before, after []byte) {
	x, hasX := only(before)
	y, hasY := only(after)
	if f.isObject() && (hasX && hasY || f.always) {
		d.message(f.child, some, x.Data, y.Data, false)
		return
	}
	hasX, hasY = hasX && !f.leftOut(x.Varint, x.Data), hasY && !f.leftOut(y.Varint, y.Data)
	d.values(f, &x, &y, hasX, hasY)
}

func only(raw []byte) (f Field, ok bool) {
	if len(raw) == 0 {
		return f, false
	}
	f, at := next(raw)
	return f, at > 0
}

func (f *field) isObject() bool { return f.kind == kindMessage && f.child.form == formObject }

// isOpen tells that there can be no secret in a field.
func (f *field) isOpen() bool {
	return !f.secret && (f.child == nil || f.child.form == formTimestamp || f.child.form == formDuration)
}

// values tells of two values if they differ.
func (d *differ) values(f *field, x, y *Field, hasX, hasY bool) {
	if !hasX && !hasY {
		return
	}
	if hasX == hasY && f.kind == kindString && bytes.Equal(x.Data, y.Data) {
		return
	}
	d.a, d.b = d.a[:0], d.b[:0]
	if hasX {
		d.a = d.full.value(d.a, f, x.Varint, x.Data)
	}
	if hasY {
		d.b = d.full.value(d.b, f, y.Varint, y.Data)
	}
	switch {
	case f.kind != kindString && bytes.Equal(d.a, d.b):
		d.unknownIn(f, x.Data, y.Data)
	case d.show.reveal || f.isOpen():
		d.tell("", d.a, d.b)
	default:
		d.a = d.text(d.a[:0], f, x, hasX)
		d.b = d.text(d.b[:0], f, y, hasY)
		d.tell("", d.a, d.b)
	}
}

// text is the JSON of a value with its secrets covered.
func (d *differ) text(dst []byte, f *field, w *Field, has bool) []byte {
	if !has {
		return dst
	}
	return d.show.value(dst, f, w.Varint, w.Data)
}

// unknownIn compares what two messages hold that their JSON does not show.
func (d *differ) unknownIn(f *field, x, y []byte) {
	if f.child == nil || bytes.Equal(x, y) {
		return
	}
	if !bytes.Equal(f.child.unknown(x), f.child.unknown(y)) {
		d.tell(UnknownFields, nil, nil)
	}
}

// unknown returns the fields that Message does not know.
func (m *Message) unknown(raw []byte) []byte {
	var all []byte
	for _, r := range m.runs(nil, raw) {
		if r.f == nil {
			all = append(all, r.raw...)
		}
	}
	return all
}
