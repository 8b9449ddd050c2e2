package swarmgen

import (
	"github.com/moby/swarmkit/v2/ca"
	"github.com/moby/swarmkit/v2/manager/encryption"
	"github.com/moby/swarmkit/v2/manager/state/raft"
	"github.com/moby/swarmkit/v2/manager/state/raft/storage"
	"github.com/moby/swarmkit/v2/manager/state/store"
)

// Autolock turns autolock on: the cluster gets an unlock key, the node key is
// locked with it, and a rotation of the DEK is owed (raft-dek-needs-rotation).
func (s *Swarm) Autolock() {
	s.t.Helper()
	s.setUnlockKey(encryption.GenerateSecretKey())
}

// RotateKEK gives the swarm another unlock key. The DEK stays.
func (s *Swarm) RotateKEK() {
	s.t.Helper()
	s.setUnlockKey(encryption.GenerateSecretKey())
}

// Unlock turns autolock off: the node key is written in clear.
func (s *Swarm) Unlock() {
	s.t.Helper()
	s.setUnlockKey(nil)
}

func (s *Swarm) setUnlockKey(kek []byte) {
	s.t.Helper()
	s.id.kek = kek
	var version uint64
	s.Update(func(tx store.Tx) error {
		cluster := store.GetCluster(tx, s.id.cluster)
		cluster.Spec.EncryptionConfig.AutoLockManagers = kek != nil
		cluster.UnlockKeys = s.id.unlockKeys()
		return store.UpdateCluster(tx, cluster)
	})
	s.store.View(func(tx store.ReadTx) { version = store.GetCluster(tx, s.id.cluster).Meta.Version.Index })
	_, locked, err := s.id.deks.MaybeUpdateKEK(ca.KEKData{KEK: kek, Version: version})
	must(s.t, err)
	if locked {
		<-s.id.deks.RotationNotify()
	}
}

// BeginRotation makes the DEK that is owed: it is written as raft-dek-pending,
// and whatever is written from now on is encrypted with it (swarmkit raft.go,
// needsSnapshot).
func (s *Swarm) BeginRotation() {
	s.t.Helper()
	keys := s.id.deks.GetKeys()
	if keys.PendingDEK == nil {
		s.t.Fatal("no rotation is owed")
	}
	s.encrypted().RotateEncryptionKey(keys.PendingDEK)
}

// FinishRotation takes the raft snapshot with the pending DEK, which then
// becomes the current one. The old DEK is gone; entries before the raft
// snapshot in the same segment still need it.
func (s *Swarm) FinishRotation() {
	s.t.Helper()
	s.Snapshot(0)
	must(s.t, s.id.deks.UpdateKeys(raft.EncryptionKeys{CurrentDEK: s.id.keys().PendingDEK}))
}

// Rotate is a whole rotation of the DEK, as turning autolock on brings it.
func (s *Swarm) Rotate() {
	s.t.Helper()
	s.Autolock()
	s.BeginRotation()
	s.FinishRotation()
}

func (s *Swarm) encrypted() *storage.EncryptedRaftLogger {
	s.t.Helper()
	logger, ok := s.logger.(*storage.EncryptedRaftLogger)
	if !ok {
		s.t.Fatal("this log is not encrypted")
	}
	return logger
}
