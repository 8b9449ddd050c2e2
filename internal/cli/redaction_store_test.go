package cli

import (
	"fmt"

	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/manager/state/store"
)

func create(tx store.Tx, o api.StoreObject) error {
	switch v := o.(type) {
	case *api.Secret:
		return store.CreateSecret(tx, v)
	case *api.Config:
		return store.CreateConfig(tx, v)
	case *api.Network:
		return store.CreateNetwork(tx, v)
	case *api.Service:
		return store.CreateService(tx, v)
	case *api.Task:
		return store.CreateTask(tx, v)
	case *api.Extension:
		return store.CreateExtension(tx, v)
	case *api.Resource:
		return store.CreateResource(tx, v)
	case *api.Volume:
		return store.CreateVolume(tx, v)
	}
	return fmt.Errorf("create %T", o)
}

// update replaces what the store has. An extension cannot be changed.
func update(tx store.Tx, o api.StoreObject) error {
	switch v := o.(type) {
	case *api.Secret:
		v.Meta = store.GetSecret(tx, v.ID).Meta
		return store.UpdateSecret(tx, v)
	case *api.Config:
		v.Meta = store.GetConfig(tx, v.ID).Meta
		return store.UpdateConfig(tx, v)
	case *api.Network:
		v.Meta = store.GetNetwork(tx, v.ID).Meta
		return store.UpdateNetwork(tx, v)
	case *api.Service:
		v.Meta = store.GetService(tx, v.ID).Meta
		return store.UpdateService(tx, v)
	case *api.Task:
		v.Meta = store.GetTask(tx, v.ID).Meta
		return store.UpdateTask(tx, v)
	case *api.Extension:
		return nil
	case *api.Resource:
		v.Meta = store.GetResource(tx, v.ID).Meta
		return store.UpdateResource(tx, v)
	case *api.Volume:
		v.Meta = store.GetVolume(tx, v.ID).Meta
		return store.UpdateVolume(tx, v)
	}
	return fmt.Errorf("update %T", o)
}

func remove(tx store.Tx, o api.StoreObject) error {
	id := o.GetID()
	switch o.(type) {
	case *api.Secret:
		return store.DeleteSecret(tx, id)
	case *api.Config:
		return store.DeleteConfig(tx, id)
	case *api.Network:
		return store.DeleteNetwork(tx, id)
	case *api.Service:
		return store.DeleteService(tx, id)
	case *api.Task:
		return store.DeleteTask(tx, id)
	case *api.Extension:
		return store.DeleteExtension(tx, id)
	case *api.Resource:
		return store.DeleteResource(tx, id)
	case *api.Volume:
		return store.DeleteVolume(tx, id)
	}
	return fmt.Errorf("remove %T", o)
}
