package swarmgen

import (
	"os"
	"path/filepath"

	"github.com/moby/swarmkit/v2/manager/encryption"
	"github.com/moby/swarmkit/v2/manager/state/raft/storage"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
)

func plaintextCases() []Case {
	const migration = "swarmkit manager/state/raft/storage/storage.go, BootstrapFromDisk"
	return []Case{
		{"docker-1.12", "wal and snap in plain text, entries not wrapped, frames not padded, no DEK, the CA key on disk", "swarmkit storage.go, versionedWALSnapDirs; etcd 2.3",
			filled(Options{Layout: Docker112}, nothing)},
		{"docker-1.12-raft-snapshot", "the same with a raft snapshot", "the same",
			filled(Options{Layout: Docker112}, func(s *Swarm) { s.Snapshot(0); s.network("after") })},
		{"development", "wal-v3 and snap-v3 in plain text", "builds between 1.12 and 1.13: swarmkit at that time, raft/storage.go, migrateWALs",
			filled(Options{Layout: Development}, nothing)},
		{"development-raft-snapshot", "the same with a raft snapshot", "the same",
			filled(Options{Layout: Development}, func(s *Swarm) { s.Snapshot(0); s.network("after") })},
		{"migrated", "encrypted, with the plain text of 1.12 beside it", migration,
			filled(Options{Layout: Docker112}, func(s *Swarm) { s.Snapshot(0); s.migrate() })},
		{"migrated-twice", "encrypted, with those of 1.12 and of a development build beside it", migration,
			filled(Options{Layout: Docker112}, (*Swarm).migrateTwice)},
		{"moved-away", "encrypted, with wal.* and snap.* in plain text beside it: this manager was removed once", "builds between 1.12 and 1.13: swarmkit at that time, raft/storage.go, moveWALAndSnap",
			filled(Options{}, (*Swarm).movedAway)},
		{"migration-cut-off", "killed while the log was migrated: the raft snapshot is encrypted, the log still in wal, half of it in wal-v3-encrypted.tmp", "swarmkit walwrap.go, MigrateWALs; snapwrap.go, MigrateSnapshot",
			filled(Options{Layout: Docker112}, func(s *Swarm) { s.Snapshot(0); s.network("after"); s.cutOffMigration() })},
	}
}

func (s *Swarm) migrate() {
	s.Restart()
	s.Secrets("after-migration", 3)
	s.expect.warn(PlaintextLeftover)
	s.expect.warn(CAKeyOnDisk)
}

// migrateTwice: a development build copied wal to wal-v3, then 1.13 encrypted
// the copy.
func (s *Swarm) migrateTwice() {
	s.Close()
	must(s.t, copyDir(s.WALDir(), filepath.Join(s.raftDir(), "wal-v3")))
	must(s.t, os.Mkdir(filepath.Join(s.raftDir(), "snap-v3"), 0o700))
	s.migrate()
}

// movedAway: a manager that was removed set its log aside in plain text, then
// joined again.
func (s *Swarm) movedAway() {
	old := New(s.t, s.Dir+"-old", Options{Layout: Development})
	old.Fill()
	old.Snapshot(0)
	old.Close()
	must(s.t, copyDir(old.WALDir(), filepath.Join(s.raftDir(), "wal.273018375")))
	must(s.t, copyDir(old.SnapDir(), filepath.Join(s.raftDir(), "snap.839156208")))
	must(s.t, os.RemoveAll(old.Dir))
	s.expect.warn(PlaintextLeftover)
}

// copyDir copies the files of one that has no directories.
func copyDir(from, to string) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(from, file.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, file.Name()), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// cutOffMigration migrates the raft snapshot, and of the log the first half.
// The DEK is in the node key before the log is touched. Swarmkit makes the
// temporary directory anew when it starts the next time.
func (s *Swarm) cutOffMigration() {
	s.Close()
	must(s.t, s.reopenKeys())
	encrypter, decrypter := encryption.Defaults(s.id.dek(), false)
	to := filepath.Join(s.raftDir(), "snap-v3-encrypted")
	must(s.t, storage.MigrateSnapshot(s.SnapDir(), to, storage.OriginalSnap, storage.NewSnapFactory(encrypter, decrypter)))
	must(s.t, s.sized(func() error { return s.halfMigrated(storage.NewWALFactory(encrypter, decrypter)) }))
	s.expect.warn(MigrationLeftover)
}

func (s *Swarm) halfMigrated(factory storage.WALFactory) error {
	metadata, err := s.id.self.Marshal()
	if err != nil {
		return err
	}
	half, err := factory.Create(filepath.Join(s.raftDir(), "wal-v3-encrypted.tmp"), metadata)
	if err != nil {
		return err
	}
	state := s.confState()
	if err := half.SaveSnapshot(walpb.Snapshot{Index: s.base, Term: s.termOf(s.base), ConfState: &state}); err != nil {
		return err
	}
	if err := half.Save(raftpb.HardState{}, s.log[s.base:s.base+1]); err != nil {
		return err
	}
	return half.Close()
}
