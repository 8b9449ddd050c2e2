package engine_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/swarmdr/swarmdr/internal/engine"
)

// serveSwarm answers for a swarm, and records what it is told to change.
func serveSwarm(t *testing.T, autolock bool) (*engine.Client, *[]string) {
	var updates []string
	c := serveEngine(t, "1.41", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/swarm/update") {
			updates = append(updates, r.URL.RawQuery)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"ID": "c1", "Version": {"Index": 33}, "Spec": {"EncryptionConfig": {"AutoLockManagers": %v}}}`, autolock)
	})
	return c, &updates
}

func TestRotateUnlockKey(t *testing.T) {
	c, updates := serveSwarm(t, true)
	if err := c.RotateUnlockKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(*updates) != 1 || !strings.Contains((*updates)[0], "rotateManagerUnlockKey=true") ||
		!strings.Contains((*updates)[0], "version=33") || strings.Contains((*updates)[0], "Token=true") {
		t.Errorf("updates %v", *updates)
	}
	got, err := c.Cluster(t.Context())
	if err != nil || got != (engine.Cluster{ID: "c1", Version: 33, Autolock: true}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRotateUnlockKeyWithoutAutolock(t *testing.T) {
	c, updates := serveSwarm(t, false)
	if err := c.RotateUnlockKey(t.Context()); !errors.Is(err, engine.ErrNoAutolock) || len(*updates) != 0 {
		t.Errorf("%v, updates %v", err, *updates)
	}
}
