package swarmgen

import (
	"os"
	"path/filepath"

	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/manager/state/store"
)

// twin is a second directory of the same manager, with the log that the first
// had when the swarm was founded.
func (s *Swarm) twin(t TB, dir string) *Swarm {
	t.Helper()
	must(t, os.Mkdir(dir, 0o700))
	must(t, copyIdentity(s.Dir, dir))
	other := &Swarm{Dir: dir, t: t, o: s.o, id: s.id, members: s.members}
	other.openLog()
	for _, e := range s.log {
		other.term = e.Term
		other.entry(e.Type, e.Data)
	}
	other.restore(other.StateAt(other.Index()))
	return other
}

// openLog begins the log and the store of a new directory.
func (s *Swarm) openLog() {
	s.t.Helper()
	metadata, err := s.id.self.Marshal()
	must(s.t, err)
	must(s.t, s.sized(func() error { return s.bootstrap(metadata) }))
	s.store = store.NewMemoryStore(s)
	s.t.Cleanup(s.release)
}

// copyIdentity copies certificates/ and the two state files.
func copyIdentity(from, to string) error {
	if err := os.CopyFS(filepath.Join(to, "certificates"), os.DirFS(filepath.Join(from, "certificates"))); err != nil {
		return err
	}
	for _, name := range []string{"docker-state.json", "state.json"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// receive takes a raft snapshot of state at index, as a manager that lagged
// behind gets it from the leader.
func (s *Swarm) receive(state *api.StoreSnapshot, index uint64) {
	s.t.Helper()
	s.writeCommit()
	s.base = index
	snapshot := s.raftSnapshot(state)
	must(s.t, s.sized(func() error { return s.logger.SaveSnapshot(snapshot) }))
	s.commit, s.written = index, index
	s.writeHardState()
}
