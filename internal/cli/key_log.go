package cli

import (
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// unlockKeyInLog is the unlock key that the swarm had as of the end of a log.
func unlockKeyInLog(src *source) (known *unlock.Known, err error) {
	err = src.settle(func() error {
		known, err = readUnlockKey(src)
		return err
	})
	return known, err
}

func readUnlockKey(src *source) (*unlock.Known, error) {
	log, err := src.logNow()
	if err != nil {
		return nil, err
	}
	state, err := log.State(raftlog.StateOptions{})
	if err != nil {
		return nil, err
	}
	cluster, err := state.Cluster()
	if err != nil {
		return nil, err
	}
	key, err := snapshot.UnlockKey(cluster)
	if err != nil {
		return nil, err
	}
	return &unlock.Known{Fingerprint: key.Fingerprint(), Version: cluster.Meta.Version.Index}, nil
}
