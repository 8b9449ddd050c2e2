package swarmgen_test

import (
	"slices"
	"testing"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/internal/swarmgen"
)

// Swarmkit reads in each recording what its engine listed at the time.
func TestEngineReadsRecordings(t *testing.T) {
	for _, name := range slices.Concat(fixture.Managers(t), fixture.States(t)) {
		t.Run(name, func(t *testing.T) {
			recorded := fixture.Copy(t, name)
			e := swarmgen.Expect{}
			if !recorded.Key.IsZero() {
				e.UnlockKey = recorded.Key.Reveal()
			}
			s := startEngine(t, recorded.Dir, e)
			networks := 0
			for _, n := range s.state.Networks {
				if n.Spec.Annotations.Labels["com.docker.swarm.predefined"] == "" {
					networks++
				}
			}
			got := map[string]int{
				"secret": len(s.state.Secrets), "config": len(s.state.Configs), "node": len(s.state.Nodes),
				"service": len(s.state.Services), "network": networks,
			}
			for kind, want := range recorded.Objects {
				if got[kind] != want {
					t.Errorf("%d %ss, the engine listed %d", got[kind], kind, want)
				}
			}
		})
	}
}
