package lab_test

import (
	"testing"

	"github.com/swarmdr/swarmdr/internal/lab"
	"github.com/swarmdr/swarmdr/internal/lab/labtest"
)

// TestEngines takes a manager through its life on every engine there is.
func TestEngines(t *testing.T) {
	exe := labtest.Build(t, tool)
	for _, dockerd := range labtest.Engines(t) {
		t.Run(dockerd, func(t *testing.T) {
			l := labtest.Up(t, lab.Options{Autolock: true, Dockerd: dockerd, Swarmdr: exe})
			t.Logf("engine %s", l.List(t.Context())[0].EngineVersion)
			testTasks(t, l)
			must(t, l.Kill("m1"))
			must(t, l.Start(t.Context(), "m1"))
			unlock(t, l, "m1")
			must(t, l.Stop(t.Context(), lab.StopTimeout, "m1"))
			must(t, l.Start(t.Context(), "m1"))
			unlock(t, l, "m1")
			check := leftovers(t, l)
			must(t, l.Down(t.Context()))
			check()
		})
	}
}
