package wire

import (
	"bytes"
	"strconv"
)

func (d *differ) maps(f *field, before, after []byte) {
	a, _ := f.entries(nil, before, 0)
	b, _ := f.entries(nil, after, 0)
	told := len(d.all)
	unknown := false
	for len(a) > 0 || len(b) > 0 {
		var x, y entry
		var hasX, hasY bool
		switch order := compareFirst(a, b); {
		case order == 0:
			x, y, a, b, hasX, hasY = a[0], b[0], a[1:], b[1:], true, true
		case order < 0:
			x, a, hasX = a[0], a[1:], true
		default:
			y, b, hasY = b[0], b[1:], true
		}
		unknown = unknown || x.unknown || y.unknown
		d.entries(f, &x, &y, hasX, hasY)
	}
	if unknown && told == len(d.all) {
		d.tell(UnknownFields, nil, nil)
	}
}

func compareFirst(a, b []entry) int {
	switch {
	case len(b) == 0:
		return -1
	case len(a) == 0:
		return 1
	}
	return bytes.Compare(a[0].key, b[0].key)
}

// entries compares two of one key.
func (d *differ) entries(f *field, x, y *entry, hasX, hasY bool) {
	key := x.key
	if !hasX {
		key = y.key
	}
	d.path = append(d.path, string(key))
	defer d.leave()
	if f.kind == kindMessage {
		d.entryMessages(f, x, y, hasX, hasY)
		return
	}
	d.values(f, &Field{Data: x.value}, &Field{Data: y.value}, hasX, hasY)
}

func (d *differ) entryMessages(f *field, x, y *entry, hasX, hasY bool) {
	if x.valued && y.valued {
		if !bytes.Equal(x.value, y.value) {
			d.element(f, &Field{Data: x.value}, &Field{Data: y.value})
		}
		return
	}
	before, after := d.entryText(f, x, hasX), d.entryText(f, y, hasY)
	if !bytes.Equal(before, after) {
		d.tell("", before, after)
	}
}

func (d *differ) entryText(f *field, e *entry, has bool) []byte {
	if !has {
		return nil
	}
	return d.show.entryValue(nil, f, e)
}

func (d *differ) leave() { d.path = d.path[:len(d.path)-1] }

// element compares two elements of a list, or two values of a map.
func (d *differ) element(f *field, x, y *Field) {
	if f.isObject() {
		d.message(f.child, nil, x.Data, y.Data, false)
		return
	}
	d.values(f, x, y, true, true)
}

func (d *differ) lists(f *field, before, after []byte) {
	a, b := f.elements(before), f.elements(after)
	if len(a) != len(b) {
		d.unmatched(f, a, b)
		return
	}
	for i := range a {
		if !a[i].same(&b[i]) {
			d.path = append(d.path, strconv.Itoa(i))
			d.element(f, &a[i], &b[i])
			d.leave()
		}
	}
}

// same tells of equal values; of messages, of equal bytes.
func (w *Field) same(v *Field) bool { return w.Varint == v.Varint && bytes.Equal(w.Data, v.Data) }

// elements takes packed lists apart.
func (f *field) elements(raw []byte) []Field {
	var all []Field
	for len(raw) > 0 {
		w, at := next(raw)
		if at < 0 {
			break
		}
		raw = raw[at:]
		if w.Wire != wireBytes || !f.scalar() {
			all = append(all, w)
			continue
		}
		for at := 0; at < len(w.Data); {
			v := Field{Number: w.Number}
			if v.Varint, at = uvarint(w.Data, at); at < 0 {
				break
			}
			all = append(all, v)
		}
	}
	return all
}

// unmatched tells of the elements of two lists that the other does not have.
func (d *differ) unmatched(f *field, a, b []Field) {
	matchA, matchB := d.match(f, a, b)
	for i := range a {
		if !matchA[i] {
			d.tell(strconv.Itoa(i), d.text(nil, f, &a[i], true), nil)
		}
	}
	for i := range b {
		if !matchB[i] {
			d.tell(strconv.Itoa(i), nil, d.text(nil, f, &b[i], true))
		}
	}
}

// match pairs equal elements in their order. Messages are equal if their JSON
// is: maps in them can stand in another order.
func (d *differ) match(f *field, a, b []Field) (matchA, matchB []bool) {
	places := map[string][]int{}
	for i := range b {
		key := d.key(f, &b[i])
		places[key] = append(places[key], i)
	}
	matchA, matchB = make([]bool, len(a)), make([]bool, len(b))
	for i := range a {
		key := d.key(f, &a[i])
		if at := places[key]; len(at) > 0 {
			matchA[i], matchB[at[0]] = true, true
			places[key] = at[1:]
		}
	}
	return matchA, matchB
}

func (d *differ) key(f *field, w *Field) string {
	if f.kind == kindString || f.kind == kindBytes {
		return string(w.Data)
	}
	d.a = d.full.value(d.a[:0], f, w.Varint, w.Data)
	return string(d.a)
}

// variables compares environment variables by their names. Where only their
// order differs the list as a whole is told.
func (d *differ) variables(f *field, before, after []byte) {
	a, b := f.elements(before), f.elements(after)
	places := map[string][]int{}
	for i := range b {
		name := variableName(f, b[i].Data)
		places[name] = append(places[name], i)
	}
	told := len(d.all)
	matched := make([]bool, len(b))
	for i := range a {
		name := variableName(f, a[i].Data)
		at := places[name]
		if len(at) == 0 {
			d.variable(f, &a[i], nil)
			continue
		}
		places[name], matched[at[0]] = at[1:], true
		d.variable(f, &a[i], &b[at[0]])
	}
	for i := range b {
		if !matched[i] {
			d.variable(f, nil, &b[i])
		}
	}
	if told == len(d.all) && !equalLists(a, b) {
		d.tell("", d.listText(f, before), d.listText(f, after))
	}
}

// variableName is all of an entry that is no NAME=value.
func variableName(f *field, data []byte) string {
	if name, ok := variable(f, data); ok {
		return string(name) + "="
	}
	return string(data)
}

// variable compares one variable, nil where it is absent. What is no NAME=value
// may be a secret itself.
func (d *differ) variable(f *field, x, y *Field) {
	either := x
	if x == nil {
		either = y
	} else if y != nil && bytes.Equal(x.Data, y.Data) {
		return
	}
	name, named := variable(f, either.Data)
	switch {
	case named:
	case d.show.reveal:
		name = either.Data
	default:
		name = []byte(Redacted)
	}
	d.tell(string(name), d.text(nil, f, x, x != nil), d.text(nil, f, y, y != nil))
}

func equalLists(a, b []Field) bool {
	for i := range a {
		if !a[i].same(&b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}

// listText is the JSON of a list, without its name.
func (d *differ) listText(f *field, raw []byte) []byte {
	text, _ := d.show.list([]byte{'{'}, f, raw, 0)
	_, value, _ := bytes.Cut(text, []byte(f.label))
	return value
}
