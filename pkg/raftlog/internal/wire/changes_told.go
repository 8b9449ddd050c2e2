package wire

import "slices"

// told is a Change in the making: where its path ends among all names, and
// where its texts end among all texts.
type told struct{ names, before, after int }

// tell notes a change at the path, or one name below it.
func (d *differ) tell(name string, before, after []byte) {
	d.names = append(d.names, d.path...)
	if name != "" {
		d.names = append(d.names, name)
	}
	d.texts = append(d.texts, before...)
	middle := len(d.texts)
	d.texts = append(d.texts, after...)
	d.all = append(d.all, told{len(d.names), middle, len(d.texts)})
}

// changes makes them of what was told; they share one text and one list of
// names.
func (d *differ) changes() []Change {
	changes := make([]Change, len(d.all))
	names, texts := slices.Clone(d.names), string(d.texts)
	var from told
	for i, to := range d.all {
		path := names[from.names:to.names:to.names]
		changes[i] = Change{path, texts[from.after:to.before], texts[to.before:to.after]}
		from = to
	}
	return changes
}
