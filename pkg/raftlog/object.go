package raftlog

import (
	"fmt"
	"time"

	"github.com/gogo/protobuf/proto"
	"github.com/gogo/protobuf/types"
	"github.com/moby/swarmkit/v2/api"
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
	return []Kind{
		KindNode, KindService, KindNetwork, KindTask, KindCluster,
		KindSecret, KindResource, KindExtension, KindConfig, KindVolume,
	}
}

// Op is what an entry does to an object or a member.
type Op string

// The operations.
const (
	Create Op = "create"
	Update Op = "update"
	Remove Op = "remove"
)

// Action is one change of one object.
type Action struct {
	Op     Op
	Object Object
}

// Object is an object of the swarm. Printing it in any way, fmt and JSON
// included, shows no secrets; Value does.
type Object struct {
	Kind Kind
	ID   string
	// Name is that of the annotations: nodes and tasks often have none.
	Name string
	// Value is one of *api.Node, *api.Service, *api.Network, *api.Task,
	// *api.Cluster, *api.Secret, *api.Config, *api.Resource, *api.Extension
	// and *api.Volume. In an action that removes it is the object as it was.
	Value api.StoreObject

	// unknown is the object as it was written, kept only if it has fields
	// that Value has no place for.
	unknown []byte
}

// String names the object and shows nothing of its content.
func (o Object) String() string {
	if o.Name == "" {
		return fmt.Sprintf("%s %s", o.Kind, o.ID)
	}
	return fmt.Sprintf("%s %s (%s)", o.Kind, o.ID, o.Name)
}

// GoString is String.
func (o Object) GoString() string { return o.String() }

// Updated returns when the object was last written, the zero time if unknown.
func (o Object) Updated() time.Time {
	t, err := types.TimestampFromProto(o.Value.GetMeta().UpdatedAt)
	if err != nil {
		return time.Time{}
	}
	return t
}

func newObject(kind Kind, value api.StoreObject, notes *api.Annotations) Object {
	return Object{Kind: kind, ID: value.GetID(), Name: notes.Name, Value: value}
}

// objectOf wraps a value of the kinds above.
func objectOf(value api.StoreObject) Object {
	switch v := value.(type) {
	case *api.Node:
		return newObject(KindNode, v, &v.Spec.Annotations)
	case *api.Service:
		return newObject(KindService, v, &v.Spec.Annotations)
	case *api.Network:
		return newObject(KindNetwork, v, &v.Spec.Annotations)
	case *api.Task:
		return newObject(KindTask, v, &v.Annotations)
	case *api.Cluster:
		return newObject(KindCluster, v, &v.Spec.Annotations)
	case *api.Secret:
		return newObject(KindSecret, v, &v.Spec.Annotations)
	case *api.Config:
		return newObject(KindConfig, v, &v.Spec.Annotations)
	case *api.Resource:
		return newObject(KindResource, v, &v.Annotations)
	case *api.Extension:
		return newObject(KindExtension, v, &v.Annotations)
	case *api.Volume:
		return newObject(KindVolume, v, &v.Spec.Annotations)
	}
	return Object{}
}

func newAction(sa api.StoreAction) (Action, error) {
	ops := map[api.StoreActionKind]Op{
		api.StoreActionKindCreate: Create, api.StoreActionKindUpdate: Update, api.StoreActionKindRemove: Remove,
	}
	op, ok := ops[sa.Action]
	if !ok {
		return Action{}, fmt.Errorf("action %d: %w", sa.Action, ErrNewerFormat)
	}
	value := target(sa)
	if value == nil {
		return Action{}, fmt.Errorf("object of unknown kind: %w", ErrNewerFormat)
	}
	return Action{Op: op, Object: objectOf(value)}, nil
}

func target(sa api.StoreAction) api.StoreObject {
	switch t := sa.Target.(type) {
	case *api.StoreAction_Node:
		return t.Node
	case *api.StoreAction_Service:
		return t.Service
	case *api.StoreAction_Network:
		return t.Network
	case *api.StoreAction_Task:
		return t.Task
	case *api.StoreAction_Cluster:
		return t.Cluster
	case *api.StoreAction_Secret:
		return t.Secret
	case *api.StoreAction_Config:
		return t.Config
	case *api.StoreAction_Resource:
		return t.Resource
	case *api.StoreAction_Extension:
		return t.Extension
	case *api.StoreAction_Volume:
		return t.Volume
	}
	return nil
}

// message is what all values are besides api.StoreObject.
type message interface {
	proto.Message
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
	Size() int
}
