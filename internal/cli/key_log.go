package cli

import (
	"errors"
	"io/fs"
	"time"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// logTries is how often the log of a live manager is read: its last record may
// be half written, and a file may go meanwhile.
const logTries = 5

// unlockKeyInLog is the unlock key that the swarm had as of the end of a log.
func unlockKeyInLog(src *source) (known *unlock.Known, err error) {
	for try := range logTries {
		time.Sleep(time.Duration(try) * 100 * time.Millisecond)
		known, err = readUnlockKey(src)
		damage := (*raftlog.DamageError)(nil)
		if !src.live || !errors.As(err, &damage) && !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return known, err
}

func readUnlockKey(src *source) (*unlock.Known, error) {
	log, err := src.log()
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
