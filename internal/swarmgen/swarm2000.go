package swarmgen

import "github.com/moby/swarmkit/v2/api"

// Size of the swarm of the DockerSwarm2000 experiment (2016), with tasks of the
// size that they have in production today.
var swarm2000 = scale{nodes: 2384, tasks: 96287, services: 500, entries: 3000}

// scale is the size of a swarm; entries are those behind the raft snapshot.
type scale struct{ nodes, tasks, services, entries int }

const (
	swarm2000Bytes = 2400
	swarm2000Index = 250_000 // of the raft snapshot
	swarm2000Later = 60_000  // entries later
)

// Swarm2000 is a swarm of that size whose state at one moment was written.
type Swarm2000 struct {
	Expect Expect

	scale scale
	first *Swarm
	w     *workload
	base  *api.StoreSnapshot // cluster, networks and node that every swarm has
	tasks []*api.Task
	of    map[string]int // number of a service by its id
}

// Change is a difference between two states that is no churn.
type Change struct {
	Kind, ID, Name string
	What           string // "added", "removed" or the field that differs
}

// DockerSwarm2000 writes a swarm of 2,384 nodes, 96,287 tasks and 500 services
// as one raft snapshot of about 240 MB and 3,000 entries behind it. The content
// depends on the seed alone, but for the identity of the manager.
func DockerSwarm2000(t TB, dir string, seed uint64) *Swarm2000 {
	t.Helper()
	return bigSwarm(t, dir, seed, swarm2000)
}

func bigSwarm(t TB, dir string, seed uint64, size scale) *Swarm2000 {
	t.Helper()
	s := New(t, dir, Options{SegmentBytes: engineSegment})
	big := &Swarm2000{scale: size, first: s, w: newWorkload(seed, swarm2000Bytes), base: s.StateAt(s.Index()), of: map[string]int{}}
	big.w.populate(size.nodes-1, size.services) // and the manager itself
	big.fill()
	big.write(s, swarm2000Index)
	return big
}

func (s *Swarm2000) fill() {
	for i, service := range s.w.services {
		s.of[service.ID] = i
	}
	for i := range s.scale.tasks {
		number := i % s.scale.services
		task := s.w.task(s.w.services[number], number, uint64(i/s.scale.services+1), uint64(1000+i))
		s.w.advance(task, uint64(100_000+i), api.TaskStateRunning)
		s.tasks = append(s.tasks, task)
	}
}

func (s *Swarm2000) state() *api.StoreSnapshot {
	state := *s.base
	state.Nodes = append([]*api.Node(nil), s.base.Nodes...)
	state.Networks = append([]*api.Network(nil), s.base.Networks...)
	s.w.addTo(&state, s.tasks)
	return &state
}

// write puts the state into a raft snapshot at index, and entries behind it.
func (s *Swarm2000) write(to *Swarm, index uint64) {
	to.t.Helper()
	to.receive(s.state(), index)
	to.Close()
	b := newBulk(to)
	for range s.scale.entries {
		var actions []api.StoreAction
		for range 1 + s.w.r.IntN(3) {
			task := s.tasks[s.w.r.IntN(len(s.tasks))]
			s.w.advance(task, b.last+1, api.TaskStateRunning)
			actions = append(actions, updateTask(task))
		}
		b.entry(actions...)
	}
	b.close()
	s.Expect = to.expectBulk(b, s.state())
}

// Later writes the same swarm as it is some hours later into dir: most tasks
// have reported, some were replaced, and a few things were changed on purpose.
// Those are returned; everything else is churn.
func (s *Swarm2000) Later(t TB, dir string) []Change {
	t.Helper()
	to := s.first.twin(t, dir)
	s.tasks = copies(s.tasks) // the state of before stays as it is
	changes := s.change()
	index := s.Expect.Last + swarm2000Later
	for i, task := range s.tasks {
		switch i % 30 {
		case 0: // stays as it is
		case 1:
			s.replace(i, index)
		default:
			s.w.advance(task, index-uint64(i%1000), api.TaskStateRunning)
		}
	}
	s.write(to, index)
	return changes
}

// copies of the tasks may be advanced: what they point to is never changed.
func copies(tasks []*api.Task) []*api.Task {
	copied := make([]*api.Task, len(tasks))
	for i, task := range tasks {
		one := *task
		copied[i] = &one
	}
	return copied
}

// replace puts a new task in the place of an old one that the reaper removed.
func (s *Swarm2000) replace(i int, index uint64) {
	old := s.tasks[i]
	number := s.of[old.ServiceID]
	s.tasks[i] = s.w.task(s.w.services[number], number, old.Slot, index)
	s.w.advance(s.tasks[i], index, api.TaskStateRunning)
}

// change does what an operator does in some hours.
func (s *Swarm2000) change() []Change {
	var changes []Change
	add := func(kind, id, name, what string) { changes = append(changes, Change{kind, id, name, what}) }
	for _, i := range []int{7, 77, 177, 277, 377} {
		service := s.reversion(i)
		service.Spec.Task.GetContainer().Image = image(i, 29)
		add("service", service.ID, service.Spec.Annotations.Name, "image")
	}
	for _, i := range []int{11, 111, 211} {
		service := s.reversion(i)
		service.Spec.GetReplicated().Replicas = 9
		add("service", service.ID, service.Spec.Annotations.Name, "replicas")
	}
	drained := s.w.nodes[42].Copy()
	drained.Spec.Availability = api.NodeAvailabilityDrain
	s.w.nodes[42] = drained
	add("node", drained.ID, drained.Description.Hostname, "availability")
	gone := s.w.secrets[len(s.w.secrets)-1]
	s.w.secrets = s.w.secrets[:len(s.w.secrets)-1]
	add("secret", gone.ID, gone.Spec.Annotations.Name, "removed")
	config := s.w.config(len(s.w.configs))
	s.w.configs = append(s.w.configs, config)
	add("config", config.ID, config.Spec.Annotations.Name, "added")
	return changes
}

// reversion copies a service to change it; its tasks keep the specification
// they were created with until they are replaced.
func (s *Swarm2000) reversion(i int) *api.Service {
	service := s.w.services[i].Copy()
	service.PreviousSpec = service.Spec.Copy()
	service.Meta.Version.Index = s.Expect.Last + uint64(i)
	service.Meta.UpdatedAt = stamp(s.Expect.Last + uint64(i) + 1)
	s.w.services[i] = service
	return service
}
