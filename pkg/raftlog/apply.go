package raftlog

import "fmt"

// Apply takes in one entry of [Log.Entries] that follows the state: all of its
// actions, or none if one does not fit.
func (st *State) Apply(e Entry) {
	st.Index, st.Term = e.Index, e.Term
	actions := make([]rawAction, len(e.Actions))
	for i, a := range e.Actions {
		actions[i] = rawAction{op: a.Op, kind: rank(a.Object.Kind), id: []byte(a.Object.ID), raw: a.Object.raw}
	}
	st.apply(e.Index, actions)
}

// exchange is apply for the most frequent entries, one object that is created
// or updated: the object takes the buffer of the entry and leaves its old one,
// so that nothing is copied. It returns false for all other entries, and for a
// buffer that a much larger entry has left: the object would keep it.
func (st *State) exchange(s *step) bool {
	if len(s.actions) != 1 {
		return false
	}
	a := &s.actions[0]
	if cap(*s.plain) > 2*len(a.raw) {
		return false
	}
	o := st.tables[a.kind][string(a.id)]
	switch {
	case a.op == Update && o != nil:
	case a.op == Create && o == nil:
		o = &stored{}
		st.tables[a.kind][string(a.id)] = o
	default:
		return false
	}
	o.raw, o.buffer, *s.plain = a.raw, *s.plain, o.buffer
	return true
}

// apply does what the engine does (processEntry in manager/state/raft/raft.go):
// an entry with an action that does not fit has no effect at all.
func (st *State) apply(index uint64, actions []rawAction) {
	if what := st.refuse(actions); what != "" {
		st.Refused = append(st.Refused, Refusal{Index: index, What: what})
		return
	}
	for _, a := range actions {
		if a.op == Remove {
			delete(st.tables[a.kind], string(a.id))
		} else {
			st.tables[a.kind].set(a.id, a.raw)
		}
	}
}

// refuse says which action does not fit the objects before it.
func (st *State) refuse(actions []rawAction) string {
	var changed map[objectKey]bool // exists, by the actions before
	if len(actions) > 1 {
		changed = make(map[objectKey]bool, len(actions))
	}
	for _, a := range actions {
		exists, known := changed[objectKey{a.kind, string(a.id)}]
		if !known {
			_, exists = st.tables[a.kind][string(a.id)]
		}
		if exists && a.op == Create {
			return fmt.Sprintf("create %s: object exists", a.id)
		}
		if !exists && a.op != Create {
			return fmt.Sprintf("%s %s: object does not exist", a.op, a.id)
		}
		if changed != nil {
			changed[objectKey{a.kind, string(a.id)}] = a.op != Remove
		}
	}
	return ""
}

type objectKey struct {
	kind int
	id   string
}
