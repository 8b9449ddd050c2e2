package swarmgen

import (
	"bytes"
	"fmt"

	gogotypes "github.com/gogo/protobuf/types"
	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/identity"
	"github.com/moby/swarmkit/v2/manager/state/store"
)

func notes(name string) api.Annotations {
	return api.Annotations{Name: name, Labels: map[string]string{"swarmdr.example": name}}
}

// Secret creates one and returns its id.
func (s *Swarm) Secret(name string, data []byte) string {
	s.t.Helper()
	id := identity.NewID()
	s.Update(func(tx store.Tx) error {
		return store.CreateSecret(tx, &api.Secret{ID: id, Spec: api.SecretSpec{Annotations: notes(name), Data: data}})
	})
	return id
}

// RemoveSecret removes it.
func (s *Swarm) RemoveSecret(id string) {
	s.t.Helper()
	s.Update(func(tx store.Tx) error { return store.DeleteSecret(tx, id) })
}

// Secrets creates n of them, each with its own entry.
func (s *Swarm) Secrets(prefix string, n int) {
	s.t.Helper()
	for i := range n {
		s.Secret(fmt.Sprintf("%s-%02d", prefix, i), []byte(fmt.Sprintf("swarmdr-canary-%s-%02d", prefix, i)))
	}
}

// Fill writes what the swarms hold that were recorded from real engines: a
// network, two secrets and one that is removed again, a service with its task,
// and a config, but for 1.12, which had neither secrets nor configs.
func (s *Swarm) Fill() {
	s.t.Helper()
	network := s.network("backend")
	if s.o.Layout == Docker112 {
		s.service("web", network, nil, nil)
		return
	}
	password := s.Secret("db-password", []byte("swarmdr-canary-password"))
	removed := s.Secret("old-token", []byte("swarmdr-canary-removed"))
	if s.o.Layout == Development {
		s.service("web", network, secretRef("db-password", password), nil)
	} else {
		s.service("web", network, secretRef("db-password", password), s.config("web-conf"))
	}
	s.RemoveSecret(removed)
	s.Secret("last-write", []byte("swarmdr-canary-last"))
}

func (s *Swarm) network(name string) *api.Network {
	s.t.Helper()
	network := &api.Network{ID: identity.NewID(), Spec: api.NetworkSpec{
		Annotations: notes(name), DriverConfig: &api.Driver{Name: "overlay"},
	}}
	s.Update(func(tx store.Tx) error { return store.CreateNetwork(tx, network) })
	s.Update(func(tx store.Tx) error {
		network = store.GetNetwork(tx, network.ID)
		network.DriverState = &api.Driver{Name: "overlay", Options: map[string]string{"com.docker.network.driver.overlay.vxlanid_list": "4097"}}
		network.IPAM = &api.IPAMOptions{Driver: &api.Driver{Name: "default"}, Configs: []*api.IPAMConfig{{Subnet: "10.0.1.0/24", Gateway: "10.0.1.1"}}}
		return store.UpdateNetwork(tx, network)
	})
	return network
}

func (s *Swarm) config(name string) *api.ConfigReference {
	s.t.Helper()
	id := identity.NewID()
	s.Update(func(tx store.Tx) error {
		return store.CreateConfig(tx, &api.Config{ID: id, Spec: api.ConfigSpec{Annotations: notes(name), Data: []byte("swarmdr-canary-config")}})
	})
	return &api.ConfigReference{ConfigID: id, ConfigName: name, Target: &api.ConfigReference_File{File: &api.FileTarget{Name: name, UID: "0", GID: "0", Mode: 0o444}}}
}

func secretRef(name, id string) *api.SecretReference {
	return &api.SecretReference{SecretID: id, SecretName: name, Target: &api.SecretReference_File{File: &api.FileTarget{Name: name, UID: "0", GID: "0", Mode: 0o444}}}
}

// service creates one with a task, which then runs.
func (s *Swarm) service(name string, network *api.Network, secret *api.SecretReference, config *api.ConfigReference) {
	s.t.Helper()
	container := &api.ContainerSpec{Image: "swarmdr/task:1", Env: []string{"DB_TOKEN=swarmdr-canary-env"}}
	if secret != nil {
		container.Secrets = []*api.SecretReference{secret}
	}
	if config != nil {
		container.Configs = []*api.ConfigReference{config}
	}
	service := &api.Service{ID: identity.NewID(), Spec: api.ServiceSpec{
		Annotations: notes(name),
		Task:        api.TaskSpec{Runtime: &api.TaskSpec_Container{Container: container}, Networks: []*api.NetworkAttachmentConfig{{Target: network.ID}}},
		Mode:        &api.ServiceSpec_Replicated{Replicated: &api.ReplicatedService{Replicas: 1}},
	}}
	s.Update(func(tx store.Tx) error { return store.CreateService(tx, service) })
	task := &api.Task{
		ID: identity.NewID(), ServiceID: service.ID, Slot: 1, Spec: service.Spec.Task, ServiceAnnotations: service.Spec.Annotations,
		NodeID: s.id.self.NodeID, DesiredState: api.TaskStateRunning,
		Networks: []*api.NetworkAttachment{{Network: network, Addresses: []string{"10.0.1.3/24"}}},
	}
	s.Update(func(tx store.Tx) error { return store.CreateTask(tx, task) })
	s.Update(func(tx store.Tx) error {
		task = store.GetTask(tx, task.ID)
		task.Status = api.TaskStatus{State: api.TaskStateRunning, Message: "started", Timestamp: gogotypes.TimestampNow()}
		return store.UpdateTask(tx, task)
	})
}

// EveryKind creates, changes and removes an object of each kind that can be.
func (s *Swarm) EveryKind() {
	s.t.Helper()
	s.Fill()
	for _, name := range []string{"stays", "goes"} {
		s.Update(func(tx store.Tx) error { return createRest(tx, name) })
	}
	s.Update(changeRest)
	s.Update(removeRest)
}

// createRest creates what Fill does not.
func createRest(tx store.Tx, name string) error {
	extension := &api.Extension{ID: identity.NewID(), Annotations: notes("kind-" + name), Description: "a kind of resource"}
	resource := &api.Resource{ID: identity.NewID(), Annotations: notes("resource-" + name), Kind: "kind-stays",
		Payload: &gogotypes.Any{TypeUrl: "example.com/resource", Value: []byte("swarmdr-canary-resource")}}
	volume := &api.Volume{ID: identity.NewID(), Spec: api.VolumeSpec{
		Annotations: notes("volume-" + name), Group: "g", Driver: &api.Driver{Name: "csi.example.com"},
		AccessMode: &api.VolumeAccessMode{Scope: api.VolumeScopeMultiNode, Sharing: api.VolumeSharingAll,
			AccessType: &api.VolumeAccessMode_Mount{Mount: &api.VolumeAccessMode_MountVolume{}}},
		Secrets: []*api.VolumeSecret{{Key: "password", Secret: "db-password"}},
	}}
	if err := store.CreateExtension(tx, extension); err != nil {
		return err
	}
	if err := store.CreateResource(tx, resource); err != nil {
		return err
	}
	if err := store.CreateVolume(tx, volume); err != nil {
		return err
	}
	return createPlain(tx, name)
}

func createPlain(tx store.Tx, name string) error {
	if err := store.CreateConfig(tx, &api.Config{ID: identity.NewID(), Spec: api.ConfigSpec{Annotations: notes("config-" + name), Data: anyByte()}}); err != nil {
		return err
	}
	if err := store.CreateSecret(tx, &api.Secret{ID: identity.NewID(), Spec: api.SecretSpec{Annotations: notes("secret-" + name), Data: anyByte()}}); err != nil {
		return err
	}
	if err := store.CreateNetwork(tx, &api.Network{ID: identity.NewID(), Spec: api.NetworkSpec{Annotations: notes("network-" + name), Attachable: true, Internal: true}}); err != nil {
		return err
	}
	if err := store.CreateNode(tx, &api.Node{ID: identity.NewID(), Spec: api.NodeSpec{Annotations: notes("node-" + name)}}); err != nil {
		return err
	}
	return store.CreateService(tx, &api.Service{ID: identity.NewID(), Spec: api.ServiceSpec{Annotations: notes("service-" + name), Mode: &api.ServiceSpec_Global{Global: &api.GlobalService{}}}})
}

// anyByte is every byte there is, behind a canary.
func anyByte() []byte {
	data := bytes.NewBufferString("swarmdr-canary-binary")
	for i := range 256 {
		data.WriteByte(byte(i))
	}
	return data.Bytes()
}

func changeRest(tx store.Tx) error {
	volumes, err := store.FindVolumes(tx, store.ByName("volume-stays"))
	if err != nil {
		return err
	}
	volumes[0].VolumeInfo = &api.VolumeInfo{CapacityBytes: 1 << 30, VolumeID: "csi-1", VolumeContext: map[string]string{"token": "swarmdr-canary-context"}}
	volumes[0].PublishStatus = []*api.VolumePublishStatus{{NodeID: "none", State: api.VolumePublishStatus_PUBLISHED}}
	if err := store.UpdateVolume(tx, volumes[0]); err != nil {
		return err
	}
	services, err := store.FindServices(tx, store.ByName("service-stays"))
	if err != nil {
		return err
	}
	services[0].PreviousSpec = services[0].Spec.Copy()
	services[0].Spec.Task.ForceUpdate++
	return store.UpdateService(tx, services[0])
}

func removeRest(tx store.Tx) error {
	volumes, err := store.FindVolumes(tx, store.ByName("volume-goes"))
	if err != nil {
		return err
	}
	services, err := store.FindServices(tx, store.ByName("service-goes"))
	if err != nil {
		return err
	}
	resources, err := store.FindResources(tx, store.ByName("resource-goes"))
	if err != nil {
		return err
	}
	extensions, err := store.FindExtensions(tx, store.ByName("kind-goes"))
	if err != nil {
		return err
	}
	if err := store.DeleteVolume(tx, volumes[0].ID); err != nil {
		return err
	}
	if err := store.DeleteService(tx, services[0].ID); err != nil {
		return err
	}
	if err := store.DeleteResource(tx, resources[0].ID); err != nil {
		return err
	}
	return store.DeleteExtension(tx, extensions[0].ID)
}
