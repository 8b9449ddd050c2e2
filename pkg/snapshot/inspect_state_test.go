package snapshot_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/manager/state/store"

	"github.com/swarmdr/swarmdr/internal/swarmgen"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// What the swarm says of itself may not fit this manager.
func TestInspectState(t *testing.T) {
	for name, c := range map[string]struct {
		write  func(s *swarmgen.Swarm)
		check  string
		detail string
	}{
		"no cluster": {func(s *swarmgen.Swarm) {
			s.Update(func(tx store.Tx) error { return store.DeleteCluster(tx, s.ClusterID()) })
		}, "cluster", "0 found"},
		"two clusters":   {func(s *swarmgen.Swarm) { s.Update(secondCluster) }, "cluster", "2 found"},
		"other name":     {func(s *swarmgen.Swarm) { s.Update(renamed(s.ClusterID())) }, "cluster", "its name is default"},
		"no node":        {func(s *swarmgen.Swarm) { s.Update(func(tx store.Tx) error { return store.DeleteNode(tx, s.NodeID()) }) }, "node-object", "is in the swarm"},
		"removed":        {func(s *swarmgen.Swarm) { s.RemoveMember(s.Self().RaftID) }, "membership", "is one of 0 voters"},
		"removed of 2":   {func(s *swarmgen.Swarm) { s.Join("m2", "10.0.0.2:2377"); s.RemoveMember(s.Self().RaftID) }, "membership", "is one of 1 voters"},
		"nothing at all": {func(*swarmgen.Swarm) {}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := swarmgen.New(t, filepath.Join(t.TempDir(), "swarm"), swarmgen.Options{})
			s.Fill()
			c.write(s)
			s.Close()
			r := inspect(t, os.DirFS(s.Dir), snapshot.InspectOptions{Now: time.Now()})
			bad := notOK(r)
			if c.check == "" {
				if len(bad) > 0 || r.Verdict != snapshot.StatusOK {
					t.Errorf("%s: %v", r.Verdict, bad)
				}
				return
			}
			if f := found(r)[c.check]; r.Verdict != snapshot.StatusDamaged || f.Status != snapshot.StatusDamaged || !strings.Contains(f.Detail, c.detail) || len(bad) != 1 {
				t.Errorf("%s: %+v, all %v", r.Verdict, f, bad)
			}
		})
	}
}

func secondCluster(tx store.Tx) error {
	return store.CreateCluster(tx, &api.Cluster{ID: "second", Spec: api.ClusterSpec{Annotations: api.Annotations{Name: "second"}}})
}

func renamed(id string) func(tx store.Tx) error {
	return func(tx store.Tx) error {
		cluster := store.GetCluster(tx, id)
		cluster.Spec.Annotations.Name = "other"
		return store.UpdateCluster(tx, cluster)
	}
}

// The manager was down while the swarm got another unlock key, or lost it.
func TestInspectKeyOfBefore(t *testing.T) {
	for name, c := range map[string]struct {
		autolock bool
		change   func(s *swarmgen.Swarm)
		detail   string
	}{
		"rotated":      {true, (*swarmgen.Swarm).RotateKEK, "it is an older one (%s): the swarm has rotated to "},
		"switched on":  {false, (*swarmgen.Swarm).Autolock, "the swarm is locked, the node key is not"},
		"switched off": {true, (*swarmgen.Swarm).Unlock, "the node key is locked, the swarm is not"},
	} {
		t.Run(name, func(t *testing.T) {
			s := swarmgen.New(t, filepath.Join(t.TempDir(), "swarm"), swarmgen.Options{Autolock: c.autolock})
			s.Fill()
			path := filepath.Join(s.Dir, keyFile)
			before, err := os.ReadFile(path)
			must(t, err)
			old := keyOf(t, s.UnlockKey())
			c.change(s)
			latest := keyOf(t, s.UnlockKey())
			s.Secrets("after", 1)
			s.Close()
			must(t, os.WriteFile(path, before, 0o600))
			r := inspect(t, os.DirFS(s.Dir), snapshot.InspectOptions{Key: old, Now: time.Now()})
			want := c.detail
			if strings.Contains(want, "%s") {
				want = fmt.Sprintf(want, old.Fingerprint()) + latest.Fingerprint()
			}
			f := found(r)["unlock-key"]
			if r.Verdict != snapshot.StatusOK || f.Status != snapshot.StatusWarning || !strings.Contains(f.Detail, want) || len(notOK(r)) != 1 {
				t.Errorf("%s: %+v, all %v", r.Verdict, f, notOK(r))
			}
			if c.autolock && !latest.IsZero() {
				r = inspect(t, os.DirFS(s.Dir), snapshot.InspectOptions{Key: latest, Now: time.Now()})
				if r.Verdict != snapshot.StatusLocked {
					t.Errorf("the current key: %s", r.Verdict)
				}
			}
		})
	}
}
