package raftlog

import (
	"strings"
	"time"

	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

// Task is what a list of tasks shows. A swarm may have a hundred thousand of
// them: it is read without decoding the rest.
type Task struct {
	// Service and Node are IDs, "" where the task has none.
	Service, Node string
	// Desired and State are the states as Docker writes them: "running".
	Desired, State string
	// Since is when the task reported its state, the zero time if never.
	Since time.Time
}

// Numbers of fields of a task (api/objects.proto, api/types.proto).
const (
	taskService      = 4
	taskDesiredState = 10
	taskStatusTime   = 1
)

// Task returns the zero Task for objects of another kind.
func (o Object) Task() Task {
	if o.Kind != KindTask {
		return Task{}
	}
	t := Task{
		Service: string(wire.Bytes(o.raw, taskService)), Node: string(wire.Bytes(o.raw, taskNode)),
		Desired: stateWord(o.raw, taskDesiredState), State: stateWord(o.raw, taskStatus, taskStatusState),
	}
	if stamp := wire.Bytes(o.raw, taskStatus, taskStatusTime); stamp != nil {
		t.Since = time.Unix(int64(wire.Uint(stamp, 1)), int64(wire.Uint(stamp, 2))).UTC()
	}
	return t
}

func stateWord(raw []byte, path ...int) string {
	return strings.ToLower(api.TaskState(wire.Uint(raw, path...)).String())
}

// RunningTasks counts the tasks that run and are wanted to, by the ID of their
// service. Services without any are left out.
func (st *State) RunningTasks() map[string]int {
	counts := map[string]int{}
	for _, o := range st.tables[rank(KindTask)] {
		state, desired := wire.Uint(o.raw, taskStatus, taskStatusState), wire.Uint(o.raw, taskDesiredState)
		if state == uint64(api.TaskStateRunning) && desired == uint64(api.TaskStateRunning) {
			counts[string(wire.Bytes(o.raw, taskService))]++
		}
	}
	return counts
}
