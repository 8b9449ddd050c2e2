package engine_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/engine"
)

// serveEngine answers as an engine would whose every request but a ping ends
// in handle. It is for what a real engine does not do on demand.
func serveEngine(t *testing.T, apiVersion string, handle http.HandlerFunc) *engine.Client {
	t.Helper()
	socket := filepath.Join(tempDir(t), "sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", apiVersion) })
	mux.HandleFunc("/", handle)
	srv := &http.Server{Handler: mux}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	return connect(t, "unix://"+socket, engine.Options{})
}

func connect(t *testing.T, host string, opts engine.Options) *engine.Client {
	t.Helper()
	c, err := engine.Connect(host, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func answer(code int, words string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(`{"message":"` + words + `"}`))
	}
}

func TestEngineWords(t *testing.T) {
	const locked = "Swarm is encrypted and needs to be unlocked before it can be used."
	for _, c := range []struct {
		code  int
		words string
		want  error
	}{
		{503, locked, engine.ErrLocked},
		{503, "This node is not a swarm manager. Use x to connect.", engine.ErrNotManager},
		{503, "This node is not part of a swarm", engine.ErrNotManager},
		{500, "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible", engine.ErrNoLeader},
		{500, "rpc error: code = DeadlineExceeded desc = context deadline exceeded", engine.ErrNoLeader},
		{500, "rpc error: code = Unknown desc = context deadline exceeded", engine.ErrNoLeader},
		{503, "context deadline exceeded", engine.ErrNoLeader},
	} {
		_, err := serveEngine(t, "1.41", answer(c.code, c.words)).Nodes(t.Context())
		if !errors.Is(err, c.want) {
			t.Errorf("%q: %v, want %v", c.words, err, c.want)
		}
		if want := "list nodes: " + c.words; err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}
}

func TestUnlockAnswers(t *testing.T) {
	const key = "SWMKEY-1-hunter2"
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for _, c := range []struct {
		name   string
		handle http.HandlerFunc
		want   error
	}{
		{"done", func(http.ResponseWriter, *http.Request) {}, nil},
		{"unlocked already", answer(409, "swarm is not locked"), nil},
		{"wrong key", answer(401, "swarm could not be unlocked: invalid key provided"), engine.ErrUnlockRefused},
		{"no key at all", answer(400, "invalid key string"), engine.ErrUnlockRefused},
		{"hangs", hang, engine.ErrUnlockHangs},
		{"no manager", answer(503, "This node is not a swarm manager."), engine.ErrNotManager},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			err := serveEngine(t, "1.41", c.handle).Unlock(ctx, key)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the key is in the error: %v", err)
			}
		})
	}
}

func TestUnlockInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := serveEngine(t, "1.41", func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if err := c.Unlock(ctx, "key"); !errors.Is(err, context.Canceled) || errors.Is(err, engine.ErrUnlockHangs) {
		t.Errorf("got %v", err)
	}
}

func TestOldEngineIsRefused(t *testing.T) {
	var asked atomic.Int32
	c := serveEngine(t, "1.39", func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	err := c.LeaveForce(t.Context())
	if !errors.Is(err, engine.ErrTooOld) || !strings.Contains(err.Error(), "1.39") {
		t.Errorf("leave: %v", err)
	}
	if asked.Load() != 0 {
		t.Error("an engine that is too old was asked to leave")
	}
	if err := c.WaitAPI(t.Context()); !errors.Is(err, engine.ErrTooOld) {
		t.Errorf("wait: %v", err)
	}
	if err := c.Unlock(t.Context(), "key"); !errors.Is(err, engine.ErrTooOld) {
		t.Errorf("unlock: %v", err)
	}
}

func TestAPIVersionIsNegotiated(t *testing.T) {
	var path atomic.Value
	c := serveEngine(t, "1.41", func(w http.ResponseWriter, r *http.Request) {
		path.Store(r.URL.Path)
		answer(500, "no")(w, r)
	})
	_, err := c.Nodes(t.Context())
	if err == nil || path.Load() != "/v1.41/nodes" {
		t.Errorf("asked for %v: %v", path.Load(), err)
	}
}

func TestForceNewClusterNeedsAnAddress(t *testing.T) {
	c := serveEngine(t, "1.41", func(http.ResponseWriter, *http.Request) { t.Error("the engine was asked") })
	if _, err := c.ForceNewCluster(t.Context(), engine.ForceNewClusterOptions{}); err == nil {
		t.Error("no error without an advertise address")
	}
}

func TestRemoveNodeThatIsGone(t *testing.T) {
	if err := serveEngine(t, "1.41", answer(404, "node x not found")).RemoveNode(t.Context(), "x", true); err != nil {
		t.Error(err)
	}
}

func TestNobodyListens(t *testing.T) {
	c := connect(t, "unix:///nonexistent/docker.sock", engine.Options{})
	if _, err := c.Status(t.Context()); !errors.Is(err, engine.ErrUnavailable) {
		t.Errorf("status: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	err := c.WaitAPI(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("wait: %v", err)
	}
}

func TestConnectRefuses(t *testing.T) {
	for _, c := range []struct {
		host string
		opts engine.Options
	}{
		{"fd://", engine.Options{}},
		{"docker.sock", engine.Options{}},
		{"unix://", engine.Options{}},
		{"tcp://", engine.Options{}},
		{"ssh://", engine.Options{}},
		{"ssh://u:hunter2@h", engine.Options{}},
		{"ssh://u:hunter2@h:x", engine.Options{}},
		{"tcp://h:1", engine.Options{TLS: engine.TLS{CACert: "/nonexistent"}}},
	} {
		if _, err := engine.Connect(c.host, c.opts); err == nil {
			t.Errorf("%q: no error", c.host)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the password is in the error: %v", err)
		}
	}
}

// A socket that takes connections and never answers, as docker.socket does
// when the daemon does not come up: nobody has the key, so nothing hangs on it.
func TestSilentSocket(t *testing.T) {
	socket := filepath.Join(tempDir(t), "sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := connect(t, "unix://"+socket, engine.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err = c.Unlock(ctx, "key")
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, engine.ErrUnlockHangs) {
		t.Errorf("unlock: %v", err)
	}
	if err == nil || err.Error() != "unlock manager: no answer from the engine: context deadline exceeded" {
		t.Errorf("unlock: %v", err)
	}
}
