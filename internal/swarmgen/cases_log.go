package swarmgen

import "bytes"

func logCases() []Case {
	const etcdWAL = "etcd storage/wal/wal.go, "
	return []Case{
		{"every-kind", "an object of each kind, changed and removed where that can be", "swarmkit api/raft.proto, StoreAction; volumes from 23.0",
			func(t TB, dir string) *Swarm {
				s := New(t, dir, Options{Autolock: true})
				s.EveryKind()
				s.Close()
				return s
			}},
		{"segments", "several segments", etcdWAL + "cut", filled(Options{SegmentBytes: 8 << 10}, func(s *Swarm) { s.Secrets("many", 150) })},
		{"segments-collected", "several segments behind a raft snapshot; those before it are gone", "swarmkit storage.go, GC",
			filled(Options{SegmentBytes: 8 << 10}, func(s *Swarm) { s.Secrets("many", 150); s.Snapshot(0); s.Secrets("after", 60) })},
		{"segments-rotated", "several segments, the DEK rotated in the middle of one", "swarmkit storage.go, RotateEncryptionKey",
			filled(Options{SegmentBytes: 8 << 10}, func(s *Swarm) {
				s.Secrets("many", 100)
				s.Autolock()
				s.BeginRotation()
				s.Secrets("pending", 100)
				s.Kill()
			})},
		{"members", "three managers, one of them removed, one under a new address", "swarmkit manager/state/raft/raft.go, applyAddNode",
			filled(Options{Autolock: true}, (*Swarm).changeMembers)},
		{"tail", "killed: acknowledged entries beyond the commit index", "seen on 20.10.24 to 29.7.2",
			filled(Options{Autolock: true}, func(s *Swarm) { s.Uncommitted(func() { s.Secrets("tail", 3) }); s.Kill() })},
		{"overwritten", "entries of an old leader, replaced by those of the next", etcdWAL + "ReadAll",
			filled(Options{}, func(s *Swarm) { s.overwrite(); s.Secrets("after", 2) })},
		{"overwritten-tail", "the same, and nothing of it is committed", etcdWAL + "ReadAll",
			filled(Options{}, func(s *Swarm) { s.Uncommitted(s.overwrite); s.Kill() })},
	}
}

func (s *Swarm) changeMembers() {
	second := s.Join("m2", "10.0.0.2:2377")
	third := s.Join("m3", "10.0.0.3:2377")
	s.RemoveMember(second.RaftID)
	third.Addr = "10.0.0.33:2377"
	s.AddMember(third)
}

func (s *Swarm) overwrite() {
	from := s.Index() + 1
	s.Uncommitted(func() { s.Secrets("lost", 3) })
	s.Overwrite(from + 1)
	s.Secrets("won", 2)
}

func tornCases() []Case {
	const source = "etcd storage/wal/decoder.go, isTornEntry; wal/repair.go"
	torn := func(name, what string, how Tear) Case {
		return Case{name, what, source, filled(Options{Autolock: true}, func(s *Swarm) { s.large("torn"); s.Torn(how) })}
	}
	return []Case{
		torn("torn-end", "the last sectors of the last record are zeros", TearEnd),
		torn("torn-middle", "a sector in the middle of the last record is zeros", TearMiddle),
		torn("torn-body", "all of the last record but its beginning is zeros", TearBody),
		torn("torn-file", "the file ends within the last record", TearFile),
		torn("torn-length", "the file ends within the length field of the last record", TearLength),
		{"torn-batch", "three uncommitted entries, the last of them torn", source, filled(Options{Autolock: true}, func(s *Swarm) {
			s.Uncommitted(func() { s.Secrets("whole", 2); s.large("torn") })
			s.Torn(TearEnd)
		})},
		{"torn-raft-snapshot", "a raft snapshot, and a torn entry behind it", source, filled(Options{Autolock: true}, func(s *Swarm) {
			s.Snapshot(0)
			s.Secrets("after", 2)
			s.large("torn")
			s.Torn(TearEnd)
		})},
	}
}

// large writes an entry of several sectors.
func (s *Swarm) large(name string) {
	s.Secret(name, bytes.Repeat([]byte("swarmdr-canary-torn "), 200))
}
