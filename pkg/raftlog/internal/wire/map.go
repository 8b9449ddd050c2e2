package wire

import (
	"bytes"
	"slices"
)

// mapValue renders the entries of a map in the order of their keys. Engines
// write them in any order.
func (p *printer) mapValue(dst []byte, f *field, raw []byte) []byte {
	var few [8]entry
	dst = append(dst, '{')
	for i, e := range readEntries(few[:0], raw) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, e.key), ':')
		dst = p.entryValue(dst, f, &e)
	}
	return append(dst, '}')
}

func (p *printer) entryValue(dst []byte, f *field, e *entry) []byte {
	if f.kind == kindMessage && !e.valued {
		return append(dst, "null"...)
	}
	return p.value(dst, f, &Field{Data: e.value})
}

// readEntries appends the entries sorted by their keys; of those that share one
// the last counts.
func readEntries(entries []entry, raw []byte) []entry {
	inOrder := true
	for at := 0; at < len(raw); {
		_, begin, end := head(raw, at)
		if end < 0 {
			break
		}
		e, _ := readEntry(raw[:end], begin, end)
		if n := len(entries); n > 0 && bytes.Compare(entries[n-1].key, e.key) >= 0 {
			inOrder = false
		}
		entries = append(entries, e)
		at = end
	}
	if inOrder {
		return entries
	}
	return sortEntries(entries)
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
