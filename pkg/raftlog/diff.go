package raftlog

import (
	"bytes"
	"fmt"
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
// order of [Kinds], then by ID; of some kinds where any are named. Objects that
// were written alike are the same. Of two that were not, [Change.Fields] tells
// what they do not share, which may be nothing.
func Diff(before, after *State, of ...Kind) []Change {
	var changes []Change
	for _, kind := range Kinds() {
		if len(of) == 0 || slices.Contains(of, kind) {
			changes = append(changes, merge(before.OfKind(kind), after.OfKind(kind))...)
		}
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

// FieldChange is a field that two versions of an object do not share.
type FieldChange struct {
	// Path is made of the names in [Object.AppendJSON], keys of maps, and of
	// lists the index or, of environment variables, the name.
	Path []string
	// Before and After are JSON, "" where the field is absent or zero. Both
	// read [Redacted] where a secret was changed.
	Before, After string
	// Churn tells that a swarm changes the field without having been asked.
	Churn bool
}

// Fields returns what an update changed, in the order in which the message has
// its fields; nothing for other changes. Secrets are redacted unless reveal is
// true. The error is for what a newer engine may write.
//
// Churn are versions and times; of a node its state, its certificate and its
// addresses in networks; of a service what the engine notes of its previous
// specification, of the progress of updates and jobs, and its endpoint; of the
// cluster the keys that encrypt network traffic, changed twice a day, and the
// certificates of removed nodes; of a volume where it is published; and all of a
// task.
func (c Change) Fields(reveal bool) ([]FieldChange, error) {
	if c.Op != Update {
		return nil, nil
	}
	at := rank(c.After.Kind)
	if at < 0 {
		return nil, fmt.Errorf("compare %s: no value", c.After)
	}
	changes, err := kinds[at].shape.Changes(c.Before.raw, c.After.raw, reveal)
	if err != nil {
		return nil, fmt.Errorf("compare %s: %w", c.After, err)
	}
	fields := make([]FieldChange, len(changes))
	for i, change := range changes {
		fields[i] = FieldChange{change.Path, change.Before, change.After, isChurn(c.After.Kind, change.Path)}
	}
	return fields, nil
}

func isChurn(kind Kind, path []string) bool {
	if kind == KindTask || path[0] == "meta" {
		return true
	}
	switch kind {
	case KindNode:
		return slices.Contains([]string{"attachment", "attachments", "certificate"}, path[0]) ||
			path[0] == "status" && len(path) > 1 && path[1] != "addr"
	case KindService:
		return slices.Contains([]string{
			"specVersion", "previousSpec", "previousSpecVersion", "endpoint", "updateStatus", "jobStatus",
		}, path[0])
	case KindCluster:
		return slices.Contains([]string{
			"networkBootstrapKeys", "encryptionKeyLamportClock", "blacklistedCertificates",
		}, path[0])
	case KindVolume:
		return path[0] == "publishStatus"
	}
	return false
}
