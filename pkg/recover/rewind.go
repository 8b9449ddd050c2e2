package recover

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"

	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// Rewinding is a swarm directory that is written anew as it was at an earlier
// moment.
type Rewinding struct {
	// Source is the directory that is read, Proof what it was proven to hold,
	// with Key.
	Source fs.FS
	Proof  *snapshot.Proof
	Key    unlock.Key
	// Index is the last entry of the log that counts.
	Index uint64
}

// State returns the swarm as it will be: as of Index, with the manager itself a
// manager, and with the keys and certificates of today, which the other files of
// the directory and the workers hold: CA, join tokens, unlock key and autolock,
// keys of the network, and who was shut out.
//
// The errors are those of raftlog.Log.State, and raftlog.ErrNoCluster for a
// moment before the swarm was founded.
func (r Rewinding) State() (*raftlog.State, error) {
	st, err := r.Proof.Log.State(raftlog.StateOptions{Through: r.Index})
	if err != nil {
		return nil, err
	}
	if err := keepCluster(st, r.Proof.State); err != nil {
		return nil, err
	}
	return st, keepManager(st, r.Proof.State, r.Proof.Log.Self().NodeID)
}

// keepCluster sees to it that the cluster fits the certificates and the node key
// that are on disk.
func keepCluster(st, now *raftlog.State) error {
	then, err := st.Cluster()
	if err != nil {
		return err
	}
	today, err := now.Cluster()
	if err != nil {
		return err
	}
	kept := then.Copy()
	kept.RootCA, kept.UnlockKeys = today.RootCA, today.UnlockKeys
	kept.Spec.CAConfig, kept.Spec.EncryptionConfig = today.Spec.CAConfig, today.Spec.EncryptionConfig
	kept.NetworkBootstrapKeys, kept.EncryptionKeyLamportClock = today.NetworkBootstrapKeys, today.EncryptionKeyLamportClock
	kept.BlacklistedCertificates = today.BlacklistedCertificates
	if reflect.DeepEqual(then, kept) {
		return nil // as the engine wrote it
	}
	return put(st, kept)
}

// keepManager keeps the node of the manager itself: without it the engine takes
// the swarm for a new one and makes another ingress network (manager.go of
// swarmkit, becomeLeader), and as a worker it could not lead.
func keepManager(st, now *raftlog.State, id string) error {
	node, err := st.Node(id)
	if err != nil {
		return err
	}
	if node == nil {
		if node, err = now.Node(id); err != nil || node == nil {
			return err
		}
	}
	if node.Role == api.NodeRoleManager && node.Spec.DesiredRole == api.NodeRoleManager {
		if _, ok := st.Object(raftlog.KindNode, id); ok {
			return nil
		}
	}
	node.Role, node.Spec.DesiredRole = api.NodeRoleManager, api.NodeRoleManager
	return put(st, node)
}

func put(st *raftlog.State, v api.StoreObject) error {
	o, err := raftlog.NewObject(v)
	if err != nil {
		return err
	}
	if old, ok := st.Object(o.Kind, o.ID); ok && old.Newer() {
		return fmt.Errorf("change %s: %w", old, raftlog.ErrNewerFormat)
	}
	return st.Put(o)
}

// Write writes the directory to dst, which must not exist: certificates and node
// key as they are, locked if they are, docker-state.json, and a log with the
// manager as its only member that holds State. Its last entry lies beyond that of
// the old log, so that nothing in it is older than what any manager or key file
// has seen. Without worker/, a database of the engine that cannot be copied while
// it runs.
//
// It is written beside dst, read back, synced and then renamed. On error nothing
// remains. The errors are those of State, [fs.ErrExist], and those of the file
// system and of snapshot.Prove.
func (r Rewinding) Write(ctx context.Context, dst string) error {
	st, err := r.State()
	if err != nil {
		return err
	}
	return durable.CreateDir(dst, func(dir string) error {
		if err := r.fill(dir, st); err != nil {
			return err
		}
		if err := r.readBack(dir, st); err != nil {
			return err
		}
		return ctx.Err()
	})
}

func (r Rewinding) fill(dir string, st *raftlog.State) error {
	if err := copyTree(r.Source, dir, dockerState, "state.json", "raft", "worker"); err != nil {
		return err
	}
	if err := os.Chmod(filepath.Join(dir, nodeKeyFile), 0o600); err != nil {
		return err
	}
	rebuilt := *st
	rebuilt.Index = r.Proof.Log.LastIndex()
	self := r.Proof.Log.Self()
	if err := raftlog.WriteRebuilt(dir, &rebuilt, self, r.Proof.NodeKey.DEKs()); err != nil {
		return err
	}
	return dressAs(r.Source, dir, self.Addr, self.Addr)
}

// readBack proves what was written: it opens with the same key, and holds what
// it should.
func (r Rewinding) readBack(dir string, want *raftlog.State) error {
	p, err := snapshot.Prove(os.DirFS(dir), r.Key)
	if err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if changes := raftlog.Diff(want, p.State); len(changes) > 0 {
		return fmt.Errorf("read back: %s differs", changes[0].Object())
	}
	return nil
}
