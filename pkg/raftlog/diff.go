package raftlog

import (
	"cmp"
	"reflect"
	"slices"
)

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
// order of [Kinds], then by ID.
func Diff(before, after *State) []Change {
	old := byKey(before)
	var changes []Change
	for key, o := range byKey(after) {
		was, known := old[key]
		delete(old, key)
		if !known {
			changes = append(changes, Change{Op: Create, After: o})
		} else if !reflect.DeepEqual(was.Value, o.Value) {
			changes = append(changes, Change{Op: Update, Before: was, After: o})
		}
	}
	for _, o := range old {
		changes = append(changes, Change{Op: Remove, Before: o})
	}
	slices.SortFunc(changes, func(a, b Change) int {
		x, y := a.Object(), b.Object()
		return cmp.Or(cmp.Compare(rank(x.Kind), rank(y.Kind)), cmp.Compare(x.ID, y.ID))
	})
	return changes
}

func byKey(st *State) map[objectKey]Object {
	objects := map[objectKey]Object{}
	for _, o := range st.Objects() {
		objects[objectKey{kind: o.Kind, id: o.ID}] = o
	}
	return objects
}

func rank(kind Kind) int { return slices.Index(Kinds(), kind) }
