package swarmgen_test

import (
	"path/filepath"
	"testing"

	"github.com/gogo/protobuf/proto"
	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/internal/swarmgen"
)

func TestTaskUpdates(t *testing.T) {
	const size = 2400
	dir := filepath.Join(t.TempDir(), "swarm")
	e := swarmgen.TaskUpdates(t, dir, 3000, size)
	s := startEngine(t, dir, e)
	checkLog(t, s, e)
	checkBig(t, s.state, e)
	var sum int
	for _, task := range s.state.Tasks {
		sum += task.Size()
	}
	if mean := sum / len(s.state.Tasks); mean < size*9/10 || mean > size*11/10 {
		t.Errorf("a task has %d bytes, want about %d", mean, size)
	}
}

// The contents are the same each time, so that figures can be compared.
func TestTaskUpdatesAreTheSame(t *testing.T) {
	one := swarmgen.TaskUpdates(t, filepath.Join(t.TempDir(), "swarm"), 100, 2400)
	two := swarmgen.TaskUpdates(t, filepath.Join(t.TempDir(), "swarm"), 100, 2400)
	for i := range one.State.Tasks {
		if !proto.Equal(one.State.Tasks[i], two.State.Tasks[i]) {
			t.Fatalf("task %d differs", i)
		}
	}
}

func TestDockerSwarm2000(t *testing.T) {
	before, after := filepath.Join(t.TempDir(), "swarm"), filepath.Join(t.TempDir(), "swarm")
	swarm := swarmgen.SmallSwarm2000(t, before, 7)
	earlier := swarm.Expect
	changes := swarm.Later(t, after)
	for dir, e := range map[string]swarmgen.Expect{before: earlier, after: swarm.Expect} {
		s := startEngine(t, dir, e)
		checkLog(t, s, e)
		checkBig(t, s.state, e)
		checkIdentity(t, dir, s, e)
	}
	if len(changes) != 11 {
		t.Errorf("%d changes: %v", len(changes), changes)
	}
	checkChanges(t, earlier, swarm.Expect, changes)
}

// checkBig compares by id: a big state is listed in the order it was made.
func checkBig(t *testing.T, got *api.StoreSnapshot, e swarmgen.Expect) {
	t.Helper()
	tasks := map[string]*api.Task{}
	for _, task := range got.Tasks {
		tasks[task.ID] = task
	}
	if len(tasks) != len(e.State.Tasks) || len(got.Nodes) != len(e.State.Nodes) || len(got.Services) != len(e.State.Services) {
		t.Errorf("%d tasks, %d nodes, %d services", len(tasks), len(got.Nodes), len(got.Services))
	}
	for _, want := range e.State.Tasks {
		if !proto.Equal(tasks[want.ID], want) {
			t.Fatalf("task %s differs", want.ID)
		}
	}
}

// checkChanges: a service whose specification differs is one of the changes,
// and each of those differs.
func checkChanges(t *testing.T, before, after swarmgen.Expect, changes []swarmgen.Change) {
	t.Helper()
	told := map[string]bool{}
	for _, c := range changes {
		told[c.ID] = true
	}
	for i, service := range before.State.Services {
		same := proto.Equal(&service.Spec, &after.State.Services[i].Spec)
		if same == told[service.ID] {
			t.Errorf("service %s: same %v, told as a change %v", service.ID, same, told[service.ID])
		}
	}
}
