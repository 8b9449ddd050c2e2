package raftlog

import "bytes"

// Change is an object that two states hold differently.
type Change struct {
	// Op is create if only the later state has the object, remove if only
	// the earlier one has it, else update.
	Op Op
	// Before is the zero value for create, After for remove.
	Before, After Object
}

// Object returns the object as it is after the change, or was before its
// removal.
func (c Change) Object() Object {
	if c.Op == Remove {
		return c.Before
	}
	return c.After
}

// Diff returns what happened between two states of a swarm, by kind in the
// order of [Kinds], then by ID. Objects that were written alike are the same.
func Diff(before, after *State) []Change {
	var changes []Change
	for _, kind := range Kinds() {
		changes = append(changes, merge(before.OfKind(kind), after.OfKind(kind))...)
	}
	return changes
}

// merge compares two lists sorted by ID.
func merge(old, recent []Object) []Change {
	var changes []Change
	for len(old) > 0 || len(recent) > 0 {
		switch {
		case len(recent) == 0 || len(old) > 0 && old[0].ID < recent[0].ID:
			changes = append(changes, Change{Op: Remove, Before: old[0]})
			old = old[1:]
		case len(old) == 0 || recent[0].ID < old[0].ID:
			changes = append(changes, Change{Op: Create, After: recent[0]})
			recent = recent[1:]
		default:
			if !bytes.Equal(old[0].raw, recent[0].raw) {
				changes = append(changes, Change{Op: Update, Before: old[0], After: recent[0]})
			}
			old, recent = old[1:], recent[1:]
		}
	}
	return changes
}
