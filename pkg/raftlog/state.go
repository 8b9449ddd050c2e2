package raftlog

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/moby/swarmkit/v2/api"
)

// State is what the swarm holds as of one index. Its objects belong to the
// caller, who may change them before [WriteRebuilt]. Printing it shows no
// secrets.
type State struct {
	// Index and Term are those of the last entry in it, HighestTerm is the
	// highest term the whole log has seen, also beyond Index.
	Index, Term, HighestTerm uint64

	Nodes      map[string]*api.Node
	Services   map[string]*api.Service
	Networks   map[string]*api.Network
	Tasks      map[string]*api.Task
	Clusters   map[string]*api.Cluster
	Secrets    map[string]*api.Secret
	Configs    map[string]*api.Config
	Resources  map[string]*api.Resource
	Extensions map[string]*api.Extension
	Volumes    map[string]*api.Volume

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

	unknown map[objectKey][]byte
}

// Refusal is an entry that had no effect.
type Refusal struct {
	Index uint64
	What  string
}

type objectKey struct {
	kind Kind
	id   string
}

func newState() *State {
	return &State{
		Nodes:      map[string]*api.Node{},
		Services:   map[string]*api.Service{},
		Networks:   map[string]*api.Network{},
		Tasks:      map[string]*api.Task{},
		Clusters:   map[string]*api.Cluster{},
		Secrets:    map[string]*api.Secret{},
		Configs:    map[string]*api.Config{},
		Resources:  map[string]*api.Resource{},
		Extensions: map[string]*api.Extension{},
		Volumes:    map[string]*api.Volume{},
		unknown:    map[objectKey][]byte{},
	}
}

// Cluster returns the one cluster object, else [ErrNoCluster].
func (st *State) Cluster() (*api.Cluster, error) {
	if len(st.Clusters) != 1 {
		return nil, fmt.Errorf("%w: found %d", ErrNoCluster, len(st.Clusters))
	}
	for _, c := range st.Clusters {
		return c, nil
	}
	return nil, ErrNoCluster
}

// Objects returns all objects, by kind in the order of [Kinds], then by ID.
func (st *State) Objects() []Object {
	return slices.Concat(
		wrap(st.Nodes), wrap(st.Services), wrap(st.Networks), wrap(st.Tasks), wrap(st.Clusters),
		wrap(st.Secrets), wrap(st.Resources), wrap(st.Extensions), wrap(st.Configs), wrap(st.Volumes),
	)
}

func wrap[T api.StoreObject](table map[string]T) []Object {
	objects := make([]Object, 0, len(table))
	for _, value := range table {
		objects = append(objects, objectOf(value))
	}
	slices.SortFunc(objects, func(a, b Object) int { return cmp.Compare(a.ID, b.ID) })
	return objects
}

// Counts returns the number of objects of each kind, zeros included.
func (st *State) Counts() map[string]int {
	counts := map[string]int{}
	for _, kind := range Kinds() {
		counts[string(kind)] = 0
	}
	for _, o := range st.Objects() {
		counts[string(o.Kind)]++
	}
	return counts
}

// String tells index, term and the number of objects.
func (st State) String() string {
	return fmt.Sprintf("state at index %d, term %d, %d objects", st.Index, st.Term, len(st.Objects()))
}

// GoString is String.
func (st State) GoString() string { return st.String() }

// MarshalJSON renders the objects by kind, redacted.
func (st State) MarshalJSON() ([]byte, error) {
	objects := map[Kind][]Object{}
	for _, o := range st.Objects() {
		objects[o.Kind] = append(objects[o.Kind], o)
	}
	return json.Marshal(map[string]any{
		"index": st.Index, "term": st.Term, "members": st.Members, "removed": st.Removed, "objects": objects,
	})
}

// put applies one action. The function it returns takes it back.
func (st *State) put(op Op, value api.StoreObject) (func(), error) {
	switch v := value.(type) {
	case *api.Node:
		return put(st.Nodes, op, v)
	case *api.Service:
		return put(st.Services, op, v)
	case *api.Network:
		return put(st.Networks, op, v)
	case *api.Task:
		return put(st.Tasks, op, v)
	case *api.Cluster:
		return put(st.Clusters, op, v)
	case *api.Secret:
		return put(st.Secrets, op, v)
	case *api.Config:
		return put(st.Configs, op, v)
	case *api.Resource:
		return put(st.Resources, op, v)
	case *api.Extension:
		return put(st.Extensions, op, v)
	case *api.Volume:
		return put(st.Volumes, op, v)
	}
	return nil, ErrNewerFormat
}

func put[T api.StoreObject](table map[string]T, op Op, value T) (func(), error) {
	id := value.GetID()
	old, known := table[id]
	if known && op == Create {
		return nil, fmt.Errorf("create %s: object exists", id)
	}
	if !known && op != Create {
		return nil, fmt.Errorf("%s %s: object does not exist", op, id)
	}
	if op == Remove {
		delete(table, id)
	} else {
		table[id] = value
	}
	return func() {
		delete(table, id)
		if known {
			table[id] = old
		}
	}, nil
}

func sortedIDs(ids map[uint64]bool) []uint64 {
	return slices.Sorted(maps.Keys(ids))
}
