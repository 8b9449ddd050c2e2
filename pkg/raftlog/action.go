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

// rawAction is an action within the bytes of its entry.
type rawAction struct {
	op   Op
	kind int // its place in kinds
	id   []byte
	raw  []byte
}

// decodeActions reads an InternalRaftRequest as far as the names of its objects.
func (e *Entry) decodeActions(plain []byte) error {
	e.Kind, e.RequestID = EntryNormal, wire.Uint(plain, requestID)
	actions, err := appendActions(nil, plain)
	for _, a := range actions {
		e.Actions = append(e.Actions, Action{Op: a.op, Object: newObject(a.kind, a.raw)})
	}
	return err
}

// appendActions appends the actions of a request.
func appendActions(all []rawAction, request []byte) ([]rawAction, error) {
	if a, ok := onlyAction(request); ok {
		return append(all, a), nil
	}
	return appendEach(all, request)
}

// onlyAction reads the form that nearly all requests have: an ID, then one action
// of a kind and an object.
func onlyAction(request []byte) (a rawAction, ok bool) {
	_, _, at := wire.Part(request, 0)
	tag, at, end := wire.Part(request, at)
	if tag != requestAction<<3|wireBytes || end != len(request) || request[0] != requestID<<3 {
		return a, false
	}
	tag, op, at := wire.Part(request, at)
	object, begin, end := wire.Part(request, at)
	if tag != actionKind<<3 || object&7 != wireBytes || end != len(request) {
		return a, false
	}
	a.op, a.kind, a.raw = opOf(api.StoreActionKind(request[op])), kindOfAction(int(object>>3)), request[begin:end]
	a.id = idOf(a.raw)
	return a, a.op != "" && a.kind >= 0
}

// appendEach reads requests of any form.
func appendEach(all []rawAction, request []byte) ([]rawAction, error) {
	for len(request) > 0 {
		field, rest, err := wire.Next(request)
		if err != nil {
			return all, &DamageError{Breaks: Content, What: "decode request", Err: err}
		}
		request = rest
		if field.Number != requestAction {
			continue
		}
		if field.Wire != wireBytes {
			return all, &DamageError{Breaks: Content, What: fmt.Sprintf("action is of wire type %d", field.Wire)}
		}
		a, err := parseAction(field.Data)
		if err != nil {
			return all, err
		}
		all = append(all, a)
	}
	return all, nil
}

func parseAction(message []byte) (rawAction, error) {
	a := rawAction{kind: -1}
	for len(message) > 0 {
		field, rest, err := wire.Next(message)
		if err != nil {
			return a, &DamageError{Breaks: Content, What: "decode action", Err: err}
		}
		message = rest
		if field.Number == actionKind {
			a.op = opOf(api.StoreActionKind(field.Varint))
			continue
		}
		if a.kind = kindOfAction(field.Number); a.kind >= 0 && field.Wire != wireBytes {
			return a, &DamageError{Breaks: Content, What: fmt.Sprintf("object is of wire type %d", field.Wire)}
		}
		a.raw = field.Data
	}
	if a.op == "" || a.kind < 0 {
		return a, fmt.Errorf("action of unknown kind: %w", ErrNewerFormat)
	}
	a.id = idOf(a.raw)
	return a, nil
}

// opOf returns "" for what no known engine writes.
func opOf(kind api.StoreActionKind) Op {
	switch kind {
	case api.StoreActionKindCreate:
		return Create
	case api.StoreActionKindUpdate:
		return Update
	case api.StoreActionKindRemove:
		return Remove
	}
	return ""
}

// idOf reads the ID of an object, which engines write first.
func idOf(raw []byte) []byte {
	if tag, begin, end := wire.Part(raw, 0); tag == fieldID<<3|wireBytes {
		return raw[begin:end]
	}
	if f, _, err := wire.Next(raw); err == nil && f.Number == fieldID {
		return f.Data
	}
	return wire.Bytes(raw, fieldID)
}
