package engine

import (
	"errors"
	"strings"

	"github.com/moby/moby/client"
)

// What a caller may branch on. Any method of Client returns those of the
// first block, those that ask the swarm also the second; the rest name theirs.
// A call whose limit passed has context.DeadlineExceeded in its tree.
var (
	// ErrUnavailable: nobody listens at the host, or it cannot be reached.
	ErrUnavailable = errors.New("engine is not running")
	// ErrTooOld: the engine's API is below 1.40.
	ErrTooOld = errors.New("engine API below 1.40")

	// ErrNoLeader: the swarm has no quorum, or an election is under way.
	ErrNoLeader = errors.New("swarm has no leader")
	// ErrLocked: the manager waits for its unlock key.
	ErrLocked = errors.New("manager is locked")
	// ErrNotManager: the node is a worker, in no swarm, or half-dead after a
	// force-new-cluster that failed (then only a restart of the daemon helps,
	// moby#34384).
	ErrNotManager = errors.New("node is not a swarm manager")

	// ErrUnlockHangs: Unlock's limit passed. The engine took the key and waits
	// for a leader without end, holding a lock: without a quorum all further
	// unlocks and force-new-clusters hang until the daemon is killed. With one
	// it may still come up.
	ErrUnlockHangs = errors.New("unlock hangs: the swarm has no leader")
	// ErrUnlockRefused: by Unlock, the key is not the one of this manager.
	ErrUnlockRefused = errors.New("unlock key refused")
	// ErrJoinPending: by Join, the engine gave up waiting after its 20 s and
	// goes on joining in the background.
	ErrJoinPending = errors.New("join goes on in the background")
)

// requestError is a failed request: what was tried, the engine's words, and
// in the tree one of the errors above.
type requestError struct {
	verb        string
	kind, cause error
}

func (e *requestError) Error() string {
	return e.verb + ": " + strings.TrimPrefix(e.cause.Error(), "Error response from daemon: ")
}

func (e *requestError) Unwrap() []error {
	if e.kind == nil {
		return []error{e.cause}
	}
	return []error{e.kind, e.cause}
}

func classify(verb string, err error) error {
	if err == nil {
		return nil
	}
	return &requestError{verb: verb, kind: kindOf(err), cause: err}
}

// kindOf goes by the engine's words, for the API has no codes for these. They
// stand in moby daemon/cluster/errors.go and cluster.go and swarmkit
// manager/state/raft/raft.go, unchanged from 19.03 to 29.
func kindOf(err error) error {
	if client.IsErrConnectionFailed(err) {
		return ErrUnavailable
	}
	for _, known := range []struct {
		words string
		kind  error
	}{
		{"needs to be unlocked", ErrLocked},
		{"not a swarm manager", ErrNotManager},
		{"not part of a swarm", ErrNotManager},
		{"does not have a leader", ErrNoLeader},
		{"desc = context deadline exceeded", ErrNoLeader},
		{"daemon: context deadline exceeded", ErrNoLeader},
		{"Timeout was reached before node joined", ErrJoinPending},
	} {
		if strings.Contains(err.Error(), known.words) {
			return known.kind
		}
	}
	return nil
}
