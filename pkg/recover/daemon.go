package recover

import (
	"context"

	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// States of a node as the engine's /info reports them.
const (
	StateInactive = "inactive"
	StatePending  = "pending"
	StateActive   = "active"
	StateError    = "error"
	StateLocked   = "locked"
)

// Status is what a daemon says of itself.
type Status struct {
	Hostname  string `json:"hostname"`
	Engine    string `json:"engine"`
	State     string `json:"state"`
	NodeID    string `json:"node_id,omitempty"`
	ClusterID string `json:"cluster_id,omitempty"`
	Addr      string `json:"addr,omitempty"`
	// Control says that the node serves the swarm API as a manager. It does
	// not say that there is a leader.
	Control bool   `json:"control"`
	Error   string `json:"error,omitempty"`
}

// Node is a node object of the living swarm. Voter says that it is a raft
// member as well.
type Node struct {
	ID, Hostname, Addr                string
	Manager, Voter, Reachable, Leader bool
}

// Daemon is a docker daemon that is to become a manager. Every call ends
// within a time of its own, also where the engine's would hang.
type Daemon interface {
	// Status has ErrTimeout in the tree of its error for a daemon that runs and
	// does not answer.
	Status(ctx context.Context) (Status, error)
	// Nodes needs a leader.
	Nodes(ctx context.Context) ([]Node, error)
	Join(ctx context.Context, j Join) error
	Unlock(ctx context.Context, key unlock.Key) error
	// Leave forgets the swarm and wipes the swarm directory.
	Leave(ctx context.Context) error
}

// Join is a request to join a swarm. Advertise is HOST:PORT, or empty to let
// the engine choose.
type Join struct{ Remote, Advertise, Token string }

// Survivor is the daemon that the swarm is recovered from.
type Survivor interface {
	Daemon
	ForceNewCluster(ctx context.Context, r ForceRequest) error
	ManagerToken(ctx context.Context) (string, error)
	// UnlockKey is zero when autolock is off.
	UnlockKey(ctx context.Context) (unlock.Key, error)
	// Objects lists the ids of all objects by kind: "nodes", "services",
	// "networks", "secrets", "configs".
	Objects(ctx context.Context) (map[string][]string, error)
	RemoveNode(ctx context.Context, id string) error
	// DressNode gives a node the labels and the availability ("active",
	// "pause", "drain") of another.
	DressNode(ctx context.Context, id string, labels map[string]string, availability string) error
}

// ForceRequest is what Docker's init with force-new-cluster is asked. What the
// engine overwrites unconditionally must be given as it was: autolock and
// ForceRotate, the count of forced CA rotations (moby
// daemon/cluster/convert/swarm.go, MergeSwarmSpecToGRPC).
type ForceRequest struct {
	Listen, Advertise, DataPath string
	Autolock                    bool
	ForceRotate                 uint64
}

// Control stops and starts the survivor's daemon; both are idempotent. Stop
// returns when it is down, by force if need be: a daemon without a leader may
// ignore SIGTERM for minutes. Start returns when the API answers.
type Control interface {
	Stop(ctx context.Context) error
	Start(ctx context.Context) error
}

// Prober asks managers on their own port whether they are alive, without the
// API. The answers are in the order of addrs: the node id of the certificate
// that was presented, or "" for silence.
type Prober interface {
	Probe(ctx context.Context, addrs []string) []string
}
