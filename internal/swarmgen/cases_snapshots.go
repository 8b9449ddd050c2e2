package swarmgen

import (
	"os"
	"path/filepath"

	"github.com/moby/swarmkit/v2/manager/encryption"
	"github.com/moby/swarmkit/v2/manager/state/raft/storage"
)

func snapshotCases() []Case {
	const source = "swarmkit manager/state/raft/storage/storage.go, "
	return []Case{
		{"no-raft-snapshot", "as a swarm has none before its entry 10,000", "swarmkit manager/state/raft/raft.go, SnapshotInterval",
			filled(Options{Autolock: true}, nothing)},
		{"raft-snapshot", "one, and entries behind it", source + "SaveSnapshot",
			filled(Options{}, func(s *Swarm) { s.Snapshot(0); s.Secrets("after", 3) })},
		{"raft-snapshot-last", "one, and nothing behind it", source + "SaveSnapshot",
			filled(Options{}, func(s *Swarm) { s.Snapshot(0) })},
		{"raft-snapshots", "four of five, as --max-snapshots 3 keeps them", source + "GC",
			filled(Options{}, func(s *Swarm) { s.snapshots(5, 3) })},
		{"old-markers", "markers without conf_state", "engines before 23.0: etcd before 3.5, walpb.Snapshot",
			filled(Options{OldMarkers: true, PKCS1: true}, func(s *Swarm) { s.snapshots(2, 1) })},
		{"marker-without-file", "killed before the newest raft snapshot was written: the older one and the entries behind it", source + "SaveSnapshot",
			filled(Options{}, func(s *Swarm) {
				s.Snapshot(0)
				s.Secrets("between", 3)
				s.SnapshotWithoutFile()
				s.Restart()
				s.Secrets("after", 2)
			})},
		{"only-marker-without-file", "the same with the first raft snapshot: all entries from 1 on are there", source + "SaveSnapshot",
			filled(Options{}, func(s *Swarm) { s.SnapshotWithoutFile(); s.Restart(); s.Secrets("after", 2) })},
		{"raft-snapshot-torn", "killed while the newest raft snapshot was written: half of its file is there", "etcd snap/snapshotter.go, save",
			filled(Options{}, func(s *Swarm) { s.Snapshot(0); s.Secrets("between", 3); s.TornSnapshot(); s.Kill() })},
		{"file-without-marker", "a raft snapshot that the log does not know; swarmkit begins with it", source + "BootstrapFromDisk",
			filled(Options{}, (*Swarm).fileWithoutMarker)},
		{"leftovers", "*.tmp and *.broken beside the segments, *.broken beside the raft snapshot, a node key that was not renamed", "etcd wal/file_pipeline.go, wal/repair.go, snap/snapshotter.go; swarmkit ioutils/ioutils.go",
			filled(Options{}, func(s *Swarm) { s.Snapshot(0); s.Secrets("after", 2); s.Kill(); s.leftovers() })},
		{"received", "a raft snapshot from the leader: the log jumps", "swarmkit manager/state/raft/raft.go, saveToStorage",
			filled(Options{}, func(s *Swarm) { s.missAndReceive(false); s.Secrets("after", 2) })},
		{"commit-before-raft-snapshot", "killed after that, before the commit index was written: HardState.Commit is below the raft snapshot, and raft panics", "moby#46825",
			filled(Options{}, func(s *Swarm) { s.missAndReceive(true); s.Kill() })},
	}
}

func (s *Swarm) snapshots(n int, keep uint64) {
	for range n {
		s.Elect()
		s.Secrets("term-"+string(rune('0'+s.term)), 2)
		s.Snapshot(keep)
	}
	s.Secrets("after", 2)
}

// fileWithoutMarker writes the file alone.
func (s *Swarm) fileWithoutMarker() {
	encrypter, decrypter := encryption.Defaults(s.id.dek(), false)
	snapshot := s.raftSnapshot(saved(s.t, s.store))
	must(s.t, storage.NewSnapFactory(encrypter, decrypter).New(s.SnapDir()).SaveSnap(snapshot))
	s.base = snapshot.Metadata.Index
	s.Secrets("after", 2)
	s.expect.warn(FileWithoutMarker)
}

// leftovers of a repair, of a raft snapshot that could not be read, of a segment
// that was allocated, and of a node key that was written anew.
func (s *Swarm) leftovers() {
	names, err := segments(s.WALDir())
	must(s.t, err)
	segment, err := os.ReadFile(names[0])
	must(s.t, err)
	must(s.t, os.WriteFile(names[0]+".broken", segment[:1000], 0o600))
	must(s.t, os.WriteFile(filepath.Join(s.WALDir(), "1.tmp"), make([]byte, 1000), 0o600))
	key, err := os.ReadFile(s.id.paths.Node.Key)
	must(s.t, err)
	must(s.t, os.WriteFile(filepath.Join(s.Dir, "certificates/.tmp-swarm-node.key2730183"), key, 0o600))
	must(s.t, os.WriteFile(filepath.Join(s.SnapDir(), "0000000000000001-0000000000000003.snap.broken"), []byte("broken"), 0o600))
}

func (s *Swarm) missAndReceive(crash bool) {
	s.Miss(func() { s.Secrets("missed", 30) })
	s.Receive(crash)
}
