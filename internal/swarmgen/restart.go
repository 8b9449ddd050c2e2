package swarmgen

import (
	"context"

	"github.com/moby/swarmkit/v2/ca"
	"github.com/moby/swarmkit/v2/manager"
	"github.com/moby/swarmkit/v2/manager/state/raft/storage"
	"github.com/moby/swarmkit/v2/manager/state/store"
)

// Restart stops the manager in order and goes on with the log that swarmkit's
// own reader read, as an engine of today without FIPS mode does. A log of old
// is migrated.
func (s *Swarm) Restart() {
	s.t.Helper()
	s.Close()
	must(s.t, s.reopenKeys())
	s.o.Layout, s.o.FIPS, s.o.FIPSNode, s.o.OldMarkers = Encrypted, false, false, false
	must(s.t, s.sized(s.reopenLog))
	s.closed = false
	content := s.StateAt(s.Index())
	s.store = store.NewMemoryStore(s)
	s.restore(content)
	s.Elect()
}

// reopenKeys reads the node key as an engine without FIPS mode does, which
// understands both ciphers.
func (s *Swarm) reopenKeys() error {
	s.id.krw = ca.NewKeyReadWriter(s.id.paths.Node, s.id.kek, manager.RaftDEKData{})
	if _, _, err := s.id.krw.Read(); err != nil {
		return err
	}
	var err error
	s.id.deks, err = manager.NewRaftDEKManager(s.id.krw, false)
	return err
}

func (s *Swarm) reopenLog() error {
	encrypted := &storage.EncryptedRaftLogger{StateDir: s.raftDir(), EncryptionKey: s.id.dek()}
	s.logger = encrypted
	_, _, err := encrypted.BootstrapFromDisk(context.Background())
	return err
}
