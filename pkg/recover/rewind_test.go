package recover

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/manager/state/store"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/internal/swarmgen"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

func rewinding(t *testing.T, dir string, key unlock.Key, index uint64) Rewinding {
	t.Helper()
	proof, err := snapshot.Prove(os.DirFS(dir), key)
	if err != nil {
		t.Fatal(err)
	}
	return Rewinding{Source: os.DirFS(dir), Proof: proof, Key: key, Index: index}
}

// rewound writes the directory and sees to it that the old one is as it was.
func rewound(t *testing.T, dir string, key unlock.Key, index uint64) (string, *snapshot.Proof) {
	t.Helper()
	before := fingerprint(t, dir)
	dst := filepath.Join(t.TempDir(), "rewound")
	if err := rewinding(t, dir, key, index).Write(t.Context(), dst); err != nil {
		t.Fatal(err)
	}
	if fingerprint(t, dir) != before {
		t.Error("the old directory was changed")
	}
	p, err := snapshot.Prove(os.DirFS(dst), key)
	if err != nil {
		t.Fatal(err)
	}
	return dst, p
}

// TestRewind rewinds each recorded manager to where its removed secret was
// still there.
func TestRewind(t *testing.T) {
	for _, name := range fixture.Managers(t) {
		t.Run(name, func(t *testing.T) {
			s := fixture.Copy(t, name)
			now := rewinding(t, s.Dir, s.Key, 0).Proof
			index := beforeRemoval(t, now.Log)
			then, err := now.Log.State(raftlog.StateOptions{Through: index})
			if err != nil {
				t.Fatal(err)
			}
			dst, p := rewound(t, s.Dir, s.Key, index)
			if changes := raftlog.Diff(then, p.State); len(changes) > 0 {
				t.Errorf("other objects than at %d: %v", index, changes)
			}
			c, was := p.Contents, now.Contents
			if c.Voters != 1 || c.NodeID != was.NodeID || c.RaftID != was.RaftID || c.Address != was.Address || c.Autolock != was.Autolock {
				t.Errorf("got %+v, want what was %+v", c, was)
			}
			if c.Index <= was.Index || c.Term < was.Term || c.Commit != c.Index {
				t.Errorf("last entry %d of term %d, of the old log %d of %d", c.Index, c.Term, was.Index, was.Term)
			}
			wantFiles(t, s.Dir, dst)
		})
	}
}

func beforeRemoval(t *testing.T, log *raftlog.Log) uint64 {
	t.Helper()
	for e, err := range log.Entries(0) {
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(e.Actions, func(a raftlog.Action) bool {
			return a.Op == raftlog.Remove && a.Object.Kind == raftlog.KindSecret
		}) {
			return e.Index - 1
		}
	}
	t.Fatal("no secret was removed")
	return 0
}

func wantFiles(t *testing.T, src, dst string) {
	t.Helper()
	if exists(dst, "state.json") || exists(dst, "worker") || !exists(dst, dockerState) {
		t.Error("the wrong files are there")
	}
	for _, name := range []string{nodeKeyFile, "certificates/swarm-node.crt", "certificates/swarm-root-ca.crt"} {
		if !same(t, name, dst, src) {
			t.Errorf("%s was rewritten", name)
		}
	}
	for name, want := range map[string]fs.FileMode{".": 0o700, "certificates": 0o755, nodeKeyFile: 0o600, dockerState: 0o600, "raft": 0o700} {
		if info, err := os.Stat(filepath.Join(dst, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("mode of %s: %v, %v", name, info.Mode(), err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(dst), ".*")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

// edit changes the cluster of a swarm that is being written.
func edit(s *swarmgen.Swarm, change func(c *api.Cluster)) {
	s.Update(func(tx store.Tx) error {
		clusters, err := store.FindClusters(tx, store.All)
		if err != nil {
			return err
		}
		change(clusters[0])
		return store.UpdateCluster(tx, clusters[0])
	})
}

// TestRewindKeepsTheKeys: certificates and node key on disk are those of now, and
// so are they in the log; all else is as it was.
func TestRewindKeepsTheKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "swarm")
	s := swarmgen.New(t, dir, swarmgen.Options{Autolock: true})
	index := s.Index()
	edit(s, func(c *api.Cluster) {
		c.RootCA.JoinTokens.Worker, c.RootCA.LastForcedRotation, c.Spec.CAConfig.ForceRotate = "swarmdr-canary-token", 7, 7
		c.EncryptionKeyLamportClock = 99
		c.BlacklistedCertificates = map[string]*api.BlacklistedCertificate{"gone": {}}
		c.Spec.Orchestration.TaskHistoryRetentionLimit = 42
	})
	s.RotateKEK()
	s.Close()
	key, err := unlock.ParseKey(s.UnlockKey())
	if err != nil {
		t.Fatal(err)
	}
	_, p := rewound(t, dir, key, index)
	then, err := p.State.Cluster()
	if err != nil {
		t.Fatal(err)
	}
	now, err := rewinding(t, dir, key, 0).Proof.State.Cluster()
	if err != nil {
		t.Fatal(err)
	}
	if then.Spec.Orchestration.TaskHistoryRetentionLimit == 42 {
		t.Error("a setting was not reverted")
	}
	then.Meta, then.Spec.Orchestration = now.Meta, now.Spec.Orchestration
	if !reflect.DeepEqual(then, now) || now.RootCA.LastForcedRotation != 7 {
		t.Error("the keys are not those of now")
	}
}

// TestRewindKeepsTheManager: a moment when the manager was no manager, or not
// yet a node.
func TestRewindKeepsTheManager(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "swarm")
	s := swarmgen.New(t, dir, swarmgen.Options{})
	var self *api.Node
	s.Update(func(tx store.Tx) error {
		self = store.GetNode(tx, s.NodeID())
		worker := self.Copy()
		worker.Role, worker.Spec.DesiredRole = api.NodeRoleWorker, api.NodeRoleWorker
		return store.UpdateNode(tx, worker)
	})
	demoted := s.Index()
	s.Update(func(tx store.Tx) error { return store.DeleteNode(tx, self.ID) })
	missing := s.Index()
	s.Update(func(tx store.Tx) error { return store.CreateNode(tx, self) })
	s.Close()
	for name, index := range map[string]uint64{"demoted": demoted, "missing": missing} {
		t.Run(name, func(t *testing.T) {
			_, p := rewound(t, dir, unlock.Key{}, index)
			node, err := p.State.Node(self.ID)
			if err != nil || node == nil || node.Role != api.NodeRoleManager || node.Spec.DesiredRole != api.NodeRoleManager {
				t.Errorf("got %v, %v", node, err)
			}
		})
	}
}

func TestRewindRefuses(t *testing.T) {
	s := fixture.Copy(t, fixture.Autolock)
	dst := filepath.Join(t.TempDir(), "rewound")
	taken := filepath.Join(t.TempDir(), "taken")
	if err := os.Mkdir(taken, 0o700); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	last := rewinding(t, s.Dir, s.Key, 0).Proof.Log.LastIndex()
	for name, c := range map[string]struct {
		ctx   context.Context
		index uint64
		dst   string
		want  error
	}{
		"beyond the end":   {t.Context(), last + 1, dst, raftlog.ErrNotInLog},
		"before the swarm": {t.Context(), 2, dst, raftlog.ErrNoCluster},
		"taken":            {t.Context(), last, taken, fs.ErrExist},
		"nowhere":          {t.Context(), last, filepath.Join(dst, "none", "x"), fs.ErrNotExist},
		"interrupted":      {gone, last, dst, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			if err := rewinding(t, s.Dir, s.Key, c.index).Write(c.ctx, c.dst); !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
			if left, err := os.ReadDir(filepath.Dir(dst)); err != nil || len(left) > 0 {
				t.Errorf("left over: %v, %v", left, err)
			}
			if left, err := os.ReadDir(taken); err != nil || len(left) > 0 {
				t.Errorf("written into: %v, %v", left, err)
			}
		})
	}
}
