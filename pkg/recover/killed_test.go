package recover

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/swarmdr/swarmdr/internal/fixture"
)

// killed is what a kill of the process is to Run: no code of it runs any more.
type killed struct{}

// runKilled runs until the n-th moment, before or after an effect, and says
// whether it got there.
func runKilled(s *fakeSwarm, n int, run func() error) (wasKilled bool, err error) {
	moment := 0
	s.hook = func(string, bool) error {
		if moment++; moment == n {
			panic(killed{})
		}
		return nil
	}
	defer func() {
		s.hook = nil
		if cause := recover(); cause != nil {
			if _, ok := cause.(killed); !ok {
				panic(cause)
			}
			wasKilled = true
		}
	}()
	return false, run()
}

// A kill right before or after any effect: the next run goes on, repeats
// nothing, leaves nothing out, and ends as if nothing had happened.
func TestRunKilledAnywhere(t *testing.T) {
	for _, name := range []string{"force-new-cluster", "rebuild discard"} {
		plan := ways()[name]
		for n := 1; ; n++ {
			reached := false
			bubble(t, fmt.Sprintf("%s/%d", name, n), func(t *testing.T) {
				s := newFakeSwarm(t, fixture.Autolock)
				before := s.proof()
				o := s.options(t.TempDir(), plan)
				token := planned(t, o).Token
				var err error
				reached, err = runKilled(s, n, func() error {
					_, err := Run(t.Context(), token, o)
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				j, err := Run(t.Context(), token, o)
				if err != nil {
					t.Fatalf("after %v: %v", s.calls, err)
				}
				s.wantRecovered(t, j, before)
				wantOnce(t, s)
			})
			if !reached {
				if n < 20 {
					t.Errorf("%s: only %d moments", name, n)
				}
				break
			}
		}
	}
}

var errFault = errors.New("fault")

// An error at any effect: the engine is up and nothing is changed, or the next
// run goes on.
func TestRunFailsAnywhere(t *testing.T) {
	for _, name := range []string{"force-new-cluster", "readdress"} {
		plan := ways()[name]
		for n := 1; ; n++ {
			reached := false
			bubble(t, fmt.Sprintf("%s/%d", name, n), func(t *testing.T) {
				s := newFakeSwarm(t, fixture.Autolock)
				before := s.proof()
				o := s.options(t.TempDir(), plan)
				token := planned(t, o).Token
				moment := 0
				s.hook = func(string, bool) error {
					if moment++; moment == n {
						reached = true
						return errFault
					}
					return nil
				}
				_, err := Run(t.Context(), token, o)
				if reached && !errors.Is(err, errFault) || !reached && err != nil {
					t.Fatalf("got %v", err)
				}
				if reached && !swapped(s) {
					s.wantTakenBack(t, o)
				}
				j, err := Run(t.Context(), token, o)
				if err != nil {
					t.Fatalf("after %v: %v", s.calls, err)
				}
				s.wantRecovered(t, j, before)
			})
			if !reached {
				break
			}
		}
	}
}

func swapped(s *fakeSwarm) bool {
	_, err := os.Stat(s.swarm.Dir + "/" + dockerState)
	aside, globErr := filepath.Glob(s.swarm.Dir + ".swarmdr-old-*")
	return err != nil || globErr != nil || len(aside) > 0
}
