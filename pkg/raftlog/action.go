package raftlog

import (
	"fmt"

	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

// Op is what an entry does to an object or a member.
type Op string

// The operations.
const (
	Create Op = "create"
	Update Op = "update"
	Remove Op = "remove"
)

// Action is one change of one object. What it removes is the object as it was.
type Action struct {
	Op     Op
	Object Object
}

// Numbers of fields (api/raft.proto).
const (
	requestID     = 1
	requestAction = 2
	actionKind    = 1
)

var requestShape = wire.Type("InternalRaftRequest")

// rawAction is an action within the bytes of its entry.
type rawAction struct {
	op   Op
	kind int // its place in kinds
	id   []byte
	raw  []byte
}

// decodeActions reads an InternalRaftRequest.
func (e *Entry) decodeActions(plain []byte) error {
	if _, err := requestShape.Check(plain); err != nil {
		return &DamageError{What: "decode request", Err: err}
	}
	e.Kind, e.RequestID = EntryNormal, wire.Uint(plain, requestID)
	return eachAction(plain, e.Index, func(a rawAction) {
		e.Actions = append(e.Actions, Action{Op: a.op, Object: newObject(a.kind, a.raw)})
	})
}

// eachAction goes through a request that was checked.
func eachAction(request []byte, index uint64, f func(rawAction)) error {
	for len(request) > 0 {
		field, rest, err := wire.Next(request)
		if err != nil {
			return &DamageError{What: "decode request", Err: err}
		}
		request = rest
		if field.Number != requestAction {
			continue
		}
		a, err := parseAction(field.Data)
		if err != nil {
			return fmt.Errorf("decode entry %d: %w", index, err)
		}
		f(a)
	}
	return nil
}

func parseAction(message []byte) (rawAction, error) {
	a, what := rawAction{kind: -1}, api.StoreActionKindUnknown
	for len(message) > 0 {
		field, rest, err := wire.Next(message)
		if err != nil {
			return a, &DamageError{What: "decode action", Err: err}
		}
		message = rest
		if field.Number == actionKind {
			what = api.StoreActionKind(field.Varint)
			continue
		}
		a.kind, a.raw = kindOfAction(field.Number), field.Data
	}
	switch what {
	case api.StoreActionKindCreate:
		a.op = Create
	case api.StoreActionKindUpdate:
		a.op = Update
	case api.StoreActionKindRemove:
		a.op = Remove
	default:
		return a, fmt.Errorf("action %d: %w", what, ErrNewerFormat)
	}
	if a.kind < 0 {
		return a, fmt.Errorf("object of unknown kind: %w", ErrNewerFormat)
	}
	a.id = wire.Bytes(a.raw, fieldID)
	return a, nil
}
