package e2e

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/swarmdr/swarmdr/internal/lab"
	"github.com/swarmdr/swarmdr/internal/lab/labtest"
)

// moment is a place in the log of a live manager, and what its engine said
// there.
type moment struct {
	index   uint64
	objects objects
}

// moment waits until nothing is written while the engine answers.
func (f *fixture) moment(node string, flags ...string) moment {
	f.Helper()
	m := moment{}
	f.eventually("nothing is written", func() bool {
		before, again := f.index(node, flags), f.toldByEngine(node)
		m.objects = f.toldByEngine(node)
		m.index = f.index(node, flags)
		return before == m.index && reflect.DeepEqual(again, m.objects)
	})
	return m
}

func (f *fixture) index(node string, flags []string) uint64 {
	f.Helper()
	var st struct {
		Index uint64 `json:"index"`
	}
	f.decode(f.on(node, append([]string{"log", "state", "-o", "json"}, flags...)...), &st)
	return st.Index
}

func (f *fixture) stop(node string) {
	f.Helper()
	f.check(f.lab.Stop(f.Context(), 20*time.Second, node))
}

// replace puts a directory into the place of a manager's, which is kept beside
// it, by the lines that rewind printed.
func (f *fixture) replace(node, printed string) {
	f.Helper()
	done := 0
	for line := range strings.Lines(printed) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "mv ") && !strings.HasPrefix(line, "cp ") {
			continue
		}
		if _, code := f.shell(node, line); code != 0 {
			f.Fatalf("%s: exit %d", line, code)
		}
		done++
	}
	if done != 3 {
		f.Fatalf("%d lines in\n%s", done, printed)
	}
}

// startAs starts a manager and waits until it leads.
func (f *fixture) startAs(node, key string) {
	f.Helper()
	f.start(node)
	c := f.client(node)
	defer c.Close()
	if key != "" {
		_, err := c.SwarmUnlock(f.Context(), client.SwarmUnlockOptions{Key: key})
		f.check(err)
	}
	f.eventually(node+" leads", func() bool {
		_, err := c.SwarmInspect(f.Context(), client.SwarmInspectOptions{})
		return err == nil
	})
}

// TestRewind undoes what was removed by accident, on each engine. The unlock key
// was rotated and the CA too since the moment that comes back.
func TestRewind(t *testing.T) {
	for _, engine := range labtest.Engines(t) {
		t.Run(engineName(engine), func(t *testing.T) { removeAndRewind(t, engine) })
	}
}

func removeAndRewind(t *testing.T, engine string) {
	f := newFixture(t, lab.Options{Managers: 1, Workers: 1, Autolock: true, Dockerd: engine})
	f.populate("m1")
	f.eventually("tasks run", func() bool { return f.tasks("m1") == 1 && f.tasks("w1") == 1 })
	flags := []string{"--dir", f.node("m1").SwarmDir(), "--unlock-key-file", f.lab.UnlockKeyFile()}
	then := f.moment("m1", flags...)

	key := f.removeAll("m1")
	flags[3] = filepath.Join(f.dir, "new.key")
	f.write(flags[3], key)
	f.eventually("the node key is locked anew", func() bool {
		_, _, code := f.try("m1", append([]string{"log", "state"}, flags...)...)
		return code == 0
	})
	f.stop("m1")

	rewound := filepath.Join(f.node("m1").DataRoot(), "rewound")
	printed := f.on("m1", append([]string{"log", "rewind", "--to", fmt.Sprint(then.index), "--out", rewound}, flags...)...)
	for _, words := range []string{"comes back  service  web ", "comes back  secret   secret-1 ", "is lost     secret   too-late ", "docker swarm unlock"} {
		if !strings.Contains(printed, words) {
			t.Errorf("%q is not in\n%s", words, printed)
		}
	}
	f.replace("m1", printed)
	f.startAs("m1", key)
	if diff := cmp.Diff(then.objects.settled(), f.toldByEngine("m1").settled()); diff != "" {
		t.Errorf("other objects than then (-then +now)\n%s", diff)
	}
	f.eventually("the tasks run again", func() bool { return f.tasks("m1") == 1 && f.tasks("w1") == 1 })
	f.promote("m1", "w1")
	data := base64.StdEncoding.EncodeToString([]byte(canary + "secret-1"))
	if out := f.on("m1", append([]string{"log", "state", "secret", "secret-1", "-o", "json", "--reveal"}, flags...)...); !strings.Contains(out, data) {
		t.Errorf("the secret holds something else:\n%s", out)
	}
	if now, err := f.client("m1").SwarmGetUnlockKey(t.Context()); err != nil || now.Key != key {
		t.Errorf("the swarm has another unlock key than its manager: %v", err)
	}
}

// promote makes a worker a manager, and waits until it takes part.
func (f *fixture) promote(node, worker string) {
	f.Helper()
	c := f.client(node)
	defer c.Close()
	f.eventually(worker+" is promoted", func() bool {
		now, err := c.NodeInspect(f.Context(), worker, client.NodeInspectOptions{})
		f.check(err)
		now.Node.Spec.Role = swarm.NodeRoleManager
		_, err = c.NodeUpdate(f.Context(), now.Node.ID, client.NodeUpdateOptions{Version: now.Node.Version, Spec: now.Node.Spec})
		return err == nil
	})
	f.eventually(worker+" is reachable", func() bool {
		now, err := c.NodeInspect(f.Context(), worker, client.NodeInspectOptions{})
		return err == nil && now.Node.ManagerStatus != nil && now.Node.ManagerStatus.Reachability == swarm.ReachabilityReachable
	})
}

// removeAll is a slip of the hand, and what else happens in an hour; it returns
// the new unlock key.
func (f *fixture) removeAll(node string) string {
	f.Helper()
	c, ctx := f.client(node), f.Context()
	defer c.Close()
	for key := range f.toldByEngine(node) {
		kind, id, _ := strings.Cut(key, " ")
		var err error
		switch kind {
		case "service":
			_, err = c.ServiceRemove(ctx, id, client.ServiceRemoveOptions{})
		case "secret":
			f.eventually("the secret is not used", func() bool {
				_, err := c.SecretRemove(ctx, id, client.SecretRemoveOptions{})
				return err == nil
			})
		case "config":
			_, err = c.ConfigRemove(ctx, id, client.ConfigRemoveOptions{})
		}
		f.check(err)
	}
	_, err := f.secret(node, "too-late")
	f.check(err)
	f.updateSwarm(c, client.SwarmUpdateOptions{RotateManagerUnlockKey: true, RotateWorkerToken: true})
	f.rotateCA(c)
	r, err := c.SwarmGetUnlockKey(ctx)
	f.check(err)
	return r.Key
}

func (f *fixture) updateSwarm(c *client.Client, o client.SwarmUpdateOptions) {
	f.Helper()
	f.eventually("the swarm is updated", func() bool {
		now, err := c.SwarmInspect(f.Context(), client.SwarmInspectOptions{})
		f.check(err)
		force := o.Spec.CAConfig.ForceRotate
		o.Version, o.Spec = now.Swarm.Version, now.Swarm.Spec
		o.Spec.CAConfig.ForceRotate += force
		_, err = c.SwarmUpdate(f.Context(), o)
		o.Spec = swarm.Spec{CAConfig: swarm.CAConfig{ForceRotate: force}}
		return err == nil
	})
}

// rotateCA returns when the manager has its certificate of the new CA.
func (f *fixture) rotateCA(c *client.Client) {
	f.Helper()
	before, err := c.SwarmInspect(f.Context(), client.SwarmInspectOptions{})
	f.check(err)
	f.updateSwarm(c, client.SwarmUpdateOptions{Spec: swarm.Spec{CAConfig: swarm.CAConfig{ForceRotate: 1}}})
	f.eventually("the CA is rotated", func() bool {
		now, err := c.SwarmInspect(f.Context(), client.SwarmInspectOptions{})
		return err == nil && !now.Swarm.RootRotationInProgress && now.Swarm.TLSInfo.TrustRoot != before.Swarm.TLSInfo.TrustRoot
	})
}

// TestReplayAgreesWithTheEngine: at several moments of a churning swarm its
// engine, the replay of its log until then, and an engine that is started on
// what was rewound until then tell the same, object by object.
func TestReplayAgreesWithTheEngine(t *testing.T) {
	f := newFixture(t, lab.Options{Managers: 1})
	f.populate("m1")
	live := f.node("m1").SwarmDir()
	r := rand.New(rand.NewPCG(3, 4711))
	var moments []moment
	for range 5 {
		for i := range 8 {
			f.randomChange(r, fmt.Sprintf("%d-%d", len(moments), i))
		}
		m := f.moment("m1", "--dir", live)
		f.wantAgreement("the live log", m, "--dir", live)
		moments = append(moments, m)
	}
	for _, m := range moments {
		f.wantAgreement("the live log, later", m, "--dir", live, "--at", fmt.Sprint(m.index))
	}
	f.stop("m1")
	kept := filepath.Join(f.dir, "kept")
	f.check(os.Rename(live, kept))
	for _, m := range []moment{moments[1], moments[3]} {
		f.check(os.RemoveAll(live))
		f.on("m1", "log", "rewind", "--dir", kept, "--out", live, "--to", fmt.Sprint(m.index))
		f.wantAgreement("what was rewound", m, "--dir", live)
		f.startAs("m1", "")
		if diff := cmp.Diff(m.objects.settled(), f.toldByEngine("m1").settled()); diff != "" {
			t.Errorf("at %d: an engine on what was rewound (-then +now)\n%s", m.index, diff)
		}
		f.stop("m1")
	}
}

func (f *fixture) wantAgreement(what string, m moment, flags ...string) {
	f.Helper()
	if len(m.objects) < 5 {
		f.Fatalf("the engine told of %d objects", len(m.objects))
	}
	if diff := cmp.Diff(m.objects, f.toldByLog("m1", flags...)); diff != "" {
		f.Errorf("at %d: %s tells something else than the engine (-engine +log)\n%s", m.index, what, diff)
	}
}
