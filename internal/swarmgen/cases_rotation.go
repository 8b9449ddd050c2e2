package swarmgen

func rotationCases() []Case {
	const source = "swarmkit manager/deks.go and manager/state/raft/raft.go, needsSnapshot, maybeMarkRotationFinished"
	return []Case{
		{"rotation-owed", "autolock was just turned on: raft-dek-needs-rotation, one DEK", source,
			filled(Options{}, func(s *Swarm) { s.Autolock() })},
		{"rotation-pending-unused", "raft-dek-pending is written, and no record uses it yet", source,
			filled(Options{}, func(s *Swarm) { s.Autolock(); s.BeginRotation(); s.Kill() })},
		{"rotation-both-keys", "one segment holds entries of the current and of the pending DEK", source,
			filled(Options{}, func(s *Swarm) { s.Autolock(); s.BeginRotation(); s.Secrets("pending", 4); s.Kill() })},
		{"rotation-raft-snapshot-old", "both keys: the raft snapshot has the current DEK, the entries behind it the pending one", source,
			filled(Options{}, func(s *Swarm) { s.Snapshot(0); s.Autolock(); s.BeginRotation(); s.Secrets("pending", 4); s.Kill() })},
		{"rotation-unmarked", "the raft snapshot and all that follows have the pending DEK; the node key does not say so yet", source,
			filled(Options{}, func(s *Swarm) {
				s.Autolock()
				s.BeginRotation()
				s.Snapshot(0)
				s.Secrets("pending", 2)
				s.Kill()
			})},
		{"rotated", "the rotation is finished; entries before the raft snapshot in the same segment need a DEK that is gone", source,
			filled(Options{}, func(s *Swarm) { s.Rotate(); s.Secrets("rotated", 3) })},
		{"rotated-owed-again", "finished, autolock off and on again: a rotation is owed", source,
			filled(Options{}, func(s *Swarm) { s.Rotate(); s.Unlock(); s.Autolock(); s.Secrets("owed", 2) })},
		{"autolock-off", "autolocked once and not any more: the node key is in clear and has a kek-version", source,
			filled(Options{}, func(s *Swarm) { s.Rotate(); s.Unlock() })},
	}
}
