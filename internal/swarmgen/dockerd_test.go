package swarmgen_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/swarmdr/swarmdr/internal/lab"
	"github.com/swarmdr/swarmdr/internal/lab/labtest"
	"github.com/swarmdr/swarmdr/internal/swarmgen"
)

// A real engine starts from generated directories, and lists what they hold.
// Cases in which it opens the log twice are left out: a process that it starts
// at that moment can hold the lock of the first time, and it then says "file
// already locked" (seen on 26.1.5 and 28.5.2, once in ten starts).
func TestDockerdStarts(t *testing.T) {
	engines := labtest.Engines(t)
	l := labtest.Up(t, lab.Options{Dockerd: engines[max(0, len(engines)-2)]})
	node, err := l.Node("m1")
	must(t, err)
	for _, name := range []string{"pkcs1-locked", "docker-1.12", "old-markers", "rotated", "segments-collected", "fernet-then-secretbox"} {
		t.Run(name, func(t *testing.T) {
			must(t, l.Kill("m1"))
			must(t, os.RemoveAll(node.SwarmDir()))
			e := swarmgen.Named(t, name).Build(t, node.SwarmDir())
			must(t, l.Start(t.Context(), "m1"))
			checkListed(t, node, e)
		})
	}
}

func checkListed(t *testing.T, node *lab.Node, e swarmgen.Expect) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	c, err := node.Client()
	must(t, err)
	defer c.Close()
	if e.Locked {
		_, err := c.SwarmUnlock(ctx, client.SwarmUnlockOptions{Key: e.UnlockKey})
		must(t, err)
	}
	got := listed(ctx, t, c)
	if !slices.Equal(got, slices.Concat(e.Objects["service"], e.Objects["secret"])) {
		t.Errorf("the engine lists %v, want %v", got, e.Objects)
	}
}

// listed are the ids of services and secrets, once there is a leader.
func listed(ctx context.Context, t *testing.T, c *client.Client) []string {
	t.Helper()
	for {
		services, err1 := c.ServiceList(ctx, client.ServiceListOptions{})
		secrets, err2 := c.SecretList(ctx, client.SecretListOptions{})
		if err := errors.Join(err1, err2); err == nil {
			var ids, more []string
			for _, s := range services.Items {
				ids = append(ids, s.ID)
			}
			for _, s := range secrets.Items {
				more = append(more, s.ID)
			}
			slices.Sort(ids)
			slices.Sort(more)
			return append(ids, more...)
		} else if ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
