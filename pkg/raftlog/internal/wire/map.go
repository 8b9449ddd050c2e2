package wire

import (
	"bytes"
	"slices"
)

// mapValue renders the entries of a map that begins at a place, in the order of
// their keys, and returns where they end. Engines write them in any order.
func (p *printer) mapValue(dst []byte, f *field, raw []byte, at int) ([]byte, int) {
	if f.child != nil && !p.careful { // of two with one key the first must be valid as well
		return p.astray(dst), len(raw)
	}
	var few [8]entry
	entries, end := f.entries(few[:0], raw, at)
	if end < 0 { // one reaches beyond its end
		return p.astray(dst), len(raw)
	}
	dst = append(label(dst, f), '{')
	for i := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, entries[i].key), ':')
		dst = p.entryValue(dst, f, &entries[i])
	}
	return append(dst, '}'), end
}

func (p *printer) entryValue(dst []byte, f *field, e *entry) []byte {
	if f.kind == kindMessage && !e.valued {
		return append(dst, "null"...)
	}
	return p.value(dst, f, 0, e.value)
}

// entries appends those of a map that begins at a place, sorted by their keys;
// of those that share one the last counts. It returns where they end, below zero
// if one cannot be read.
func (f *field) entries(all []entry, raw []byte, at int) ([]entry, int) {
	inOrder := true
	for at < len(raw) {
		tag, begin, end := head(raw, at)
		if end < 0 || tag>>3 != f.number {
			break
		}
		e, ok := readEntry(raw[:end], begin, end)
		if !ok {
			return all, cutOff
		}
		if n := len(all); n > 0 && bytes.Compare(all[n-1].key, e.key) >= 0 {
			inOrder = false
		}
		all = append(all, e)
		at = end
	}
	if !inOrder {
		all = sortEntries(all)
	}
	return all, at
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
