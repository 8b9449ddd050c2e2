package swarmgen

import "github.com/moby/swarmkit/v2/api"

// Size of the swarm whose tasks are updated.
const (
	updatedTasks    = 2000
	updatedServices = 100
	updatedNodes    = 50
)

// TaskUpdates writes a log of n task updates of about size bytes each, one an
// entry, over 2,000 tasks, without a raft snapshot: 100,000 of 2,400 bytes make
// a WAL of about 250 MB. Contents are the same each time; keys, certificates
// and nonces are not. Memory does not grow with n.
func TaskUpdates(t TB, dir string, n, size int) Expect {
	t.Helper()
	s := New(t, dir, Options{SegmentBytes: engineSegment})
	s.Close()
	w := newWorkload(1, size)
	w.populate(updatedNodes, updatedServices)
	b := newBulk(s)
	for _, action := range w.creations() {
		b.entry(action)
	}
	tasks := w.createTasks(b)
	for i := range n {
		task := tasks[i%len(tasks)]
		w.advance(task, b.last+1, taskStates[(i/len(tasks))%len(taskStates)])
		b.entry(updateTask(task))
	}
	b.close()
	state := s.StateAt(s.Index())
	w.addTo(state, tasks)
	return s.expectBulk(b, state)
}

func (w *workload) createTasks(b *bulk) []*api.Task {
	var tasks []*api.Task
	for i := range updatedTasks {
		number := i % len(w.services)
		task := w.task(w.services[number], number, uint64(i/len(w.services)+1), b.last+1)
		tasks = append(tasks, task)
		b.entry(createTask(task))
	}
	return tasks
}

func (w *workload) addTo(state *api.StoreSnapshot, tasks []*api.Task) {
	state.Nodes = append(state.Nodes, w.nodes...)
	state.Networks = append(state.Networks, w.networks...)
	state.Secrets = append(state.Secrets, w.secrets...)
	state.Configs = append(state.Configs, w.configs...)
	state.Services = append(state.Services, w.services...)
	state.Tasks = append(state.Tasks, tasks...)
}

// expectBulk is Expect for a log that was not kept in memory.
func (s *Swarm) expectBulk(b *bulk, state *api.StoreSnapshot) Expect {
	s.t.Helper()
	e := s.Expect()
	e.Last, e.Term, e.Commit, e.Tail = b.last, b.st.Term, b.st.Commit, 0
	e.State, e.Objects = state, idsOf(state)
	e.Segments = s.count(s.WALDir(), "*.wal")
	return e
}
