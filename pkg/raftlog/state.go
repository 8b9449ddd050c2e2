package raftlog

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

// State is what the swarm holds as of one index. Its objects are kept as the
// engine wrote them, fields of a newer engine included. Printing it shows no
// secrets. Objects taken from it are valid until it is changed. It is safe for
// concurrent use as long as nobody changes it.
type State struct {
	// Index and Term are those of the last entry in it, HighestTerm is the
	// highest term the whole log has seen, also beyond Index.
	Index, Term, HighestTerm uint64

	// Members are the voters, by raft ID.
	Members []Member
	// Removed are the raft IDs that were removed until Index, sorted.
	Removed []uint64
	// EverSeen are all raft IDs the whole log knows, also beyond Index:
	// those of Members and Removed and of every membership change, sorted.
	EverSeen []uint64

	// Refused are the entries whose actions do not fit the objects before
	// them. The engine passes over such an entry, and so does the replay.
	Refused []Refusal

	tables [len(kinds)]table
}

// table holds the objects of a kind, by ID. The bytes belong to it.
type table map[string]*stored

type stored struct {
	raw    []byte
	buffer []byte // that raw is a part of, if it may be used again
}

// Refusal is an entry that had no effect.
type Refusal struct {
	Index uint64
	What  string
}

// NewState returns a state that holds nothing.
func NewState() *State {
	st := &State{}
	for at := range st.tables {
		st.tables[at] = table{}
	}
	return st
}

// Cluster returns the one cluster object of the swarm, or [ErrNoCluster].
func (st *State) Cluster() (*api.Cluster, error) {
	all := st.OfKind(KindCluster)
	if len(all) != 1 {
		return nil, fmt.Errorf("%w: %d found", ErrNoCluster, len(all))
	}
	return as[*api.Cluster](all[0])
}

// Node returns a node of the swarm, nil if there is none of that ID.
func (st *State) Node(id string) (*api.Node, error) {
	o, ok := st.Object(KindNode, id)
	if !ok {
		return nil, nil
	}
	return as[*api.Node](o)
}

func as[T api.StoreObject](o Object) (T, error) {
	v, err := o.Value()
	if err != nil {
		var none T
		return none, err
	}
	return v.(T), nil
}

// Object returns one object.
func (st *State) Object(kind Kind, id string) (Object, bool) {
	at := rank(kind)
	if at < 0 {
		return Object{}, false
	}
	o, ok := st.tables[at][id]
	if !ok {
		return Object{}, false
	}
	return newObject(at, o.raw), true
}

// OfKind returns the objects of one kind, sorted by ID.
func (st *State) OfKind(kind Kind) []Object {
	at := rank(kind)
	if at < 0 {
		return nil
	}
	objects := make([]Object, 0, len(st.tables[at]))
	for _, o := range st.tables[at] {
		objects = append(objects, newObject(at, o.raw))
	}
	slices.SortFunc(objects, func(a, b Object) int { return cmp.Compare(a.ID, b.ID) })
	return objects
}

// Objects returns all objects in the order of [Kinds], then by ID.
func (st *State) Objects() []Object {
	var all []Object
	for _, kind := range Kinds() {
		all = append(all, st.OfKind(kind)...)
	}
	return all
}

// Counts returns the number of objects of each kind, zeros included.
func (st *State) Counts() map[string]int {
	counts := map[string]int{}
	for at, table := range st.tables {
		counts[string(kinds[at].kind)] = len(table)
	}
	return counts
}

// Put sets an object, which may be new.
func (st *State) Put(o Object) error {
	at := rank(o.Kind)
	if at < 0 || o.ID == "" {
		return fmt.Errorf("put %s: no value", o)
	}
	st.tables[at].set([]byte(o.ID), o.raw)
	return nil
}

// Delete removes an object, if there is one.
func (st *State) Delete(kind Kind, id string) {
	if at := rank(kind); at >= 0 {
		delete(st.tables[at], id)
	}
}

// check reads each object to its last field. What was replaced or removed on the
// way was read as far as its ID.
func (st *State) check() error {
	for at, table := range st.tables {
		for id, o := range table {
			if _, err := kinds[at].shape.Check(o.raw); err != nil {
				what := fmt.Sprintf("decode %s %s as entry %d wrote it", kinds[at].kind, id, newObject(at, o.raw).Version())
				return &DamageError{Breaks: Content, File: raftDir, What: what, Err: err}
			}
			if string(wire.Bytes(o.raw, fieldID)) != id { // it stands there twice; idOf takes the first
				return &DamageError{Breaks: Content, File: raftDir, What: fmt.Sprintf("%s %s holds another ID", kinds[at].kind, id)}
			}
		}
	}
	return nil
}

// Newer counts the objects that hold fields only a newer engine knows.
func (st *State) Newer() int {
	n := 0
	for at, table := range st.tables {
		for _, o := range table {
			if newer, err := kinds[at].shape.Check(o.raw); newer || err != nil {
				n++
			}
		}
	}
	return n
}

// set copies raw.
func (t table) set(id, raw []byte) {
	o, ok := t[string(id)]
	if !ok {
		o = &stored{}
		t[string(id)] = o
	}
	o.buffer = append(o.buffer[:0], raw...)
	o.raw = o.buffer
}

func (st *State) size() int {
	n := 0
	for _, table := range st.tables {
		n += len(table)
	}
	return n
}

// String tells index, term and the number of objects.
func (st *State) String() string {
	return fmt.Sprintf("state at index %d, term %d, %d objects", st.Index, st.Term, st.size())
}

// GoString is String.
func (st *State) GoString() string { return st.String() }

// Format writes String, whatever the verb.
func (st State) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(st.String())) }

// MarshalJSON renders the objects by kind, redacted.
func (st *State) MarshalJSON() ([]byte, error) {
	objects := map[Kind][]Object{}
	for _, o := range st.Objects() {
		objects[o.Kind] = append(objects[o.Kind], o)
	}
	return json.Marshal(map[string]any{
		"index": st.Index, "term": st.Term, "members": st.Members, "removed": st.Removed, "objects": objects,
	})
}

func sortedIDs(ids map[uint64]bool) []uint64 {
	return slices.Sorted(maps.Keys(ids))
}
