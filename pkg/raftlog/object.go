package raftlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gogo/protobuf/proto"
	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

// Kind is the kind of an object, as Docker's commands name it.
type Kind string

// The kinds of objects a swarm holds.
const (
	KindNode      Kind = "node"
	KindService   Kind = "service"
	KindNetwork   Kind = "network"
	KindTask      Kind = "task"
	KindCluster   Kind = "cluster"
	KindSecret    Kind = "secret"
	KindConfig    Kind = "config"
	KindResource  Kind = "resource"
	KindExtension Kind = "extension"
	KindVolume    Kind = "volume"
)

// Kinds lists all kinds in the order of a raft snapshot.
func Kinds() []Kind {
	all := make([]Kind, len(kinds))
	for i, k := range kinds {
		all[i] = k.kind
	}
	return all
}

// kindInfo is what the package knows of a kind; its place in kinds plus one is
// the number of its field in a StoreSnapshot (api/snapshot.proto).
type kindInfo struct {
	kind   Kind
	action int // number of its field in a StoreAction (api/raft.proto)
	shape  *wire.Message
	empty  func() value
}

// value is what the objects of all kinds are.
type value interface {
	api.StoreObject
	proto.Message
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}

var kinds = [...]kindInfo{
	{KindNode, 2, wire.Type("Node"), func() value { return &api.Node{} }},
	{KindService, 3, wire.Type("Service"), func() value { return &api.Service{} }},
	{KindNetwork, 5, wire.Type("Network"), func() value { return &api.Network{} }},
	{KindTask, 4, wire.Type("Task"), func() value { return &api.Task{} }},
	{KindCluster, 6, wire.Type("Cluster"), func() value { return &api.Cluster{} }},
	{KindSecret, 7, wire.Type("Secret"), func() value { return &api.Secret{} }},
	{KindResource, 8, wire.Type("Resource"), func() value { return &api.Resource{} }},
	{KindExtension, 9, wire.Type("Extension"), func() value { return &api.Extension{} }},
	{KindConfig, 10, wire.Type("Config"), func() value { return &api.Config{} }},
	{KindVolume, 11, wire.Type("Volume"), func() value { return &api.Volume{} }},
}

func rank(kind Kind) int {
	return slices.IndexFunc(kinds[:], func(k kindInfo) bool { return k.kind == kind })
}

// kindOfAction finds a kind by its field in a StoreAction, or returns -1.
func kindOfAction(field int) int {
	for at := range kinds {
		if kinds[at].action == field {
			return at
		}
	}
	return -1
}

// Object is an object of the swarm, as the bytes that the engine wrote. Printing
// it in any way, fmt and JSON included, shows no secrets; Value and Raw do.
type Object struct {
	Kind Kind
	ID   string
	// Name is as Docker shows it: of a node the host name, of a task the
	// service and the slot or node, of all others that of their annotations.
	Name string

	raw []byte
}

// newObject wraps the message of an object, which it keeps.
func newObject(at int, raw []byte) Object {
	return Object{
		Kind: kinds[at].kind, ID: string(wire.Bytes(raw, fieldID)), Name: name(kinds[at].kind, raw), raw: raw,
	}
}

// NewObject makes an object of one of *api.Node, *api.Service, *api.Network,
// *api.Task, *api.Cluster, *api.Secret, *api.Config, *api.Resource,
// *api.Extension and *api.Volume.
func NewObject(v api.StoreObject) (Object, error) {
	for at, k := range kinds {
		if fmt.Sprintf("%T", k.empty()) != fmt.Sprintf("%T", v) {
			continue
		}
		raw, err := v.(value).Marshal()
		if err != nil {
			return Object{}, fmt.Errorf("encode %s: %v", k.kind, err)
		}
		return newObject(at, raw), nil
	}
	return Object{}, fmt.Errorf("%T is no object of a swarm", v)
}

// Numbers of fields that the objects have in common (api/objects.proto,
// api/specs.proto, api/types.proto of swarmkit v2.1.2).
const (
	fieldID         = 1
	fieldMeta       = 2
	fieldSpec       = 3 // annotations, of resources and extensions
	metaVersion     = 1
	metaUpdated     = 3
	annotationsName = 1
	// entries of maps have the key in field 1, the value in field 2
	annotationsLabels = 2
	nodeDescription   = 4
	descriptionHost   = 1
	taskSlot          = 5
	taskNode          = 6
	taskServiceNotes  = 8
)

func name(kind Kind, raw []byte) string {
	switch kind {
	case KindResource, KindExtension:
		return string(wire.Bytes(raw, fieldSpec, annotationsName))
	case KindTask:
		return taskName(raw)
	case KindNode:
		if host := wire.Bytes(raw, nodeDescription, descriptionHost); len(host) > 0 {
			return string(host)
		}
	}
	return string(wire.Bytes(raw, fieldSpec, 1, annotationsName))
}

// taskName is made as `docker service ps` makes it.
func taskName(raw []byte) string {
	service := wire.Bytes(raw, taskServiceNotes, annotationsName)
	if len(service) == 0 {
		return ""
	}
	if slot := wire.Uint(raw, taskSlot); slot > 0 {
		return string(service) + "." + strconv.FormatUint(slot, 10)
	}
	return string(service) + "." + string(wire.Bytes(raw, taskNode))
}

// Label returns the value of a label, "" without it. A task has those of its
// service.
func (o Object) Label(name string) string {
	notes := wire.Bytes(o.raw, fieldSpec, 1)
	switch o.Kind {
	case KindResource, KindExtension:
		notes = wire.Bytes(o.raw, fieldSpec)
	case KindTask:
		notes = wire.Bytes(o.raw, taskServiceNotes)
	}
	for len(notes) > 0 {
		field, rest, err := wire.Next(notes)
		if err != nil {
			return ""
		}
		notes = rest
		if field.Number == annotationsLabels && string(wire.Bytes(field.Data, 1)) == name {
			return string(wire.Bytes(field.Data, 2))
		}
	}
	return ""
}

// Raw returns the protobuf message as the engine wrote it; not to be changed.
func (o Object) Raw() []byte { return o.raw }

// Value decodes the object, into one of the types that [NewObject] takes. The
// error is for the zero Object and for what a newer engine may write.
func (o Object) Value() (api.StoreObject, error) {
	at := rank(o.Kind)
	if at < 0 || o.raw == nil {
		return nil, fmt.Errorf("decode %s: no value", o)
	}
	v := kinds[at].empty()
	if err := v.Unmarshal(o.raw); err != nil {
		return nil, fmt.Errorf("decode %s: %w", o, err)
	}
	return v, nil
}

// Newer tells whether the object holds fields that only a newer engine knows:
// Value does not show them, and an object made of it would lack them.
func (o Object) Newer() bool {
	at := rank(o.Kind)
	if at < 0 {
		return false
	}
	newer, err := kinds[at].shape.Check(o.raw)
	return newer && err == nil
}

// Clone returns an object that shares no memory with o.
func (o Object) Clone() Object {
	o.raw = bytes.Clone(o.raw)
	return o
}

// Updated returns when the object was last written, the zero time if unknown.
func (o Object) Updated() time.Time {
	stamp := wire.Bytes(o.raw, fieldMeta, metaUpdated)
	if stamp == nil {
		return time.Time{}
	}
	return time.Unix(int64(wire.Uint(stamp, 1)), int64(wire.Uint(stamp, 2))).UTC()
}

// Version returns the index of the entry that last wrote the object.
func (o Object) Version() uint64 { return wire.Uint(o.raw, fieldMeta, metaVersion, 1) }

// String names the object and shows nothing of its content.
func (o Object) String() string {
	if o.Name == "" {
		return fmt.Sprintf("%s %s", o.Kind, o.ID)
	}
	return fmt.Sprintf("%s %s (%s)", o.Kind, o.ID, o.Name)
}

// GoString is String.
func (o Object) GoString() string { return o.String() }

// Format writes String, whatever the verb.
func (o Object) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(o.String())) }

// MarshalJSON renders kind, ID, name and the redacted value.
func (o Object) MarshalJSON() ([]byte, error) {
	raw, err := o.AppendJSON(nil, false)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"kind": o.Kind, "id": o.ID, "name": o.Name, "value": json.RawMessage(raw)})
}
