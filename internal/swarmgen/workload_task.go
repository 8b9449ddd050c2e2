package swarmgen

import (
	"fmt"

	"github.com/moby/swarmkit/v2/api"
)

// taskStates are those that a task passes from creation to failure.
var taskStates = []api.TaskState{
	api.TaskStatePending, api.TaskStateAssigned, api.TaskStateAccepted, api.TaskStatePreparing,
	api.TaskStateReady, api.TaskStateStarting, api.TaskStateRunning, api.TaskStateFailed,
}

// task is one of service number i, as it was created by the entry at index.
// Its specification is shared with the service: it is never changed.
func (w *workload) task(s *api.Service, i int, slot, index uint64) *api.Task {
	network := w.networkOf(i)
	return &api.Task{
		ID: w.id(), Meta: meta(index, index), Spec: s.Spec.Task, SpecVersion: s.SpecVersion,
		ServiceID: s.ID, ServiceAnnotations: s.Spec.Annotations, Slot: slot,
		NodeID:       w.nodes[w.r.IntN(len(w.nodes))].ID,
		DesiredState: api.TaskStateRunning,
		Status:       api.TaskStatus{State: api.TaskStateNew, Message: "created", Timestamp: stamp(index)},
		Endpoint:     s.Endpoint,
		Networks:     []*api.NetworkAttachment{{Network: network, Addresses: []string{address(network, uint32(w.r.IntN(60000))+1000)}}},
		LogDriver:    s.Spec.Task.LogDriver,
	}
}

// advance changes what an agent's report changes: the status, and with it the
// version and the time.
func (w *workload) advance(task *api.Task, index uint64, state api.TaskState) {
	created := task.Meta.CreatedAt
	task.Meta = meta(index, index)
	task.Meta.CreatedAt = created
	task.Status = api.TaskStatus{
		State: state, Timestamp: stamp(index), AppliedBy: task.NodeID, AppliedAt: stamp(index),
		Message: fmt.Sprintf("%v, reported by its node", state), PortStatus: &api.PortStatus{},
		RuntimeStatus: &api.TaskStatus_Container{Container: &api.ContainerStatus{ContainerID: w.hex(64), PID: int32(1000 + w.r.IntN(30000))}},
	}
	if state > api.TaskStateRunning {
		task.Status.Err = "task: non-zero exit (137)"
	}
}

func createTask(task *api.Task) api.StoreAction {
	return api.StoreAction{Action: api.StoreActionKindCreate, Target: &api.StoreAction_Task{Task: task}}
}

func updateTask(task *api.Task) api.StoreAction {
	return api.StoreAction{Action: api.StoreActionKindUpdate, Target: &api.StoreAction_Task{Task: task}}
}

// creations are the actions that make all but the tasks.
func (w *workload) creations() []api.StoreAction {
	var all []api.StoreAction
	for _, o := range w.nodes {
		all = append(all, api.StoreAction{Action: api.StoreActionKindCreate, Target: &api.StoreAction_Node{Node: o}})
	}
	for _, o := range w.networks {
		all = append(all, api.StoreAction{Action: api.StoreActionKindCreate, Target: &api.StoreAction_Network{Network: o}})
	}
	for _, o := range w.secrets {
		all = append(all, api.StoreAction{Action: api.StoreActionKindCreate, Target: &api.StoreAction_Secret{Secret: o}})
	}
	for _, o := range w.configs {
		all = append(all, api.StoreAction{Action: api.StoreActionKindCreate, Target: &api.StoreAction_Config{Config: o}})
	}
	for _, o := range w.services {
		all = append(all, api.StoreAction{Action: api.StoreActionKindCreate, Target: &api.StoreAction_Service{Service: o}})
	}
	return all
}
