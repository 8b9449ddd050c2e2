package wire

import (
	"bytes"
	"slices"
)

// mapField renders the entries of a map, which follow each other, in the order
// of their keys. Engines write them in any order.
func (p *printer) mapField(dst []byte, f *field, raw []byte) (out, rest []byte) {
	var few [16]entry
	entries, rest := readEntries(few[:0], f, raw)
	dst = append(label(dst, f), '{')
	for i := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, entries[i].key), ':')
		dst = p.entryValue(dst, f, &entries[i])
	}
	return append(dst, '}'), rest
}

func (p *printer) entryValue(dst []byte, f *field, e *entry) []byte {
	if f.kind == kindMessage && !e.valued {
		return append(dst, "null"...)
	}
	return p.value(dst, f, &Field{Data: e.value})
}

// readEntries appends the entries sorted by their keys; of those that share one
// the last counts.
func readEntries(entries []entry, f *field, raw []byte) (sorted []entry, rest []byte) {
	inOrder := true
	for len(raw) > 0 {
		w, at := next(raw)
		if at < 0 || w.Number != f.number {
			break
		}
		e, _ := readEntry(w.Data, 0, len(w.Data))
		if n := len(entries); n > 0 && bytes.Compare(entries[n-1].key, e.key) >= 0 {
			inOrder = false
		}
		entries = append(entries, e)
		raw = raw[at:]
	}
	if !inOrder {
		entries = sortEntries(entries)
	}
	return entries, raw
}

func sortEntries(entries []entry) []entry {
	slices.SortStableFunc(entries, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
	kept := entries[:0]
	for i := range entries {
		if i+1 < len(entries) && bytes.Equal(entries[i].key, entries[i+1].key) {
			continue
		}
		kept = append(kept, entries[i])
	}
	return kept
}
