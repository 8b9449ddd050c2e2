package e2e

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/lab"
)

// TestKillRecovery kills a recovery in every one of its steps, and goes on with
// the same command each time.
func TestKillRecovery(t *testing.T) {
	cases := []matrixCase{{autolock: true, method: "force-new-cluster"}, {autolock: false, method: "rebuild"}}
	rounds := 1
	if os.Getenv("SWARMDR_MATRIX") == "all" {
		rounds = 5
	}
	for _, c := range cases {
		for round := range rounds {
			t.Run(fmt.Sprintf("%s/%d", c, round), func(t *testing.T) { killEveryStep(t, c) })
		}
	}
}

func killEveryStep(t *testing.T, c matrixCase) {
	f := newFixture(t, lab.Options{Managers: 3, Autolock: c.autolock})
	survivor := f.leader()
	others := f.others(survivor)
	f.populate(survivor)
	acked := f.secrets(survivor, "acked", 3)
	f.kill(append(others, survivor)...)
	f.start(survivor)
	f.lose(others)
	flags := f.recoverFlags(c, others)
	plan := f.plan(survivor, flags)
	f.start(others...)
	run := append([]string{"recover", "run", "--confirm", plan.Token}, flags...)
	for step := f.killFrom(survivor, 1, run); step > 0; {
		step = f.killFrom(survivor, step+1, run)
	}
	f.on(survivor, run...)
	f.wantManagers(survivor)
	f.wantSecrets(survivor, acked)
	f.wantKey(survivor, c.autolock)
	f.wantNoPlainKey(survivor, c.autolock)
}

// killFrom runs the command and kills it within the first step that is not
// before from. It returns that step, or 0 when the command ended first.
func (f *fixture) killFrom(node string, from int, args []string) int {
	f.Helper()
	cmd := f.node(node).Command(f.Context(), exe, args...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		f.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		f.Fatal(err)
	}
	killed, said := 0, ""
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		step := 0
		said += lines.Text() + "\n"
		if _, err := fmt.Sscanf(lines.Text(), "[%d/", &step); err != nil || step < from || killed > 0 {
			continue
		}
		time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond)
		if cmd.Process.Kill() == nil {
			killed = step
			f.Logf("killed in %s", lines.Text())
		}
	}
	if err := cmd.Wait(); killed == 0 && err != nil {
		f.Fatalf("before step %d: %v\n%s", from, err, said)
	}
	return killed
}

// wantNoPlainKey looks for a node key in clear beside the swarm directory.
func (f *fixture) wantNoPlainKey(node string, autolock bool) {
	f.Helper()
	if !autolock {
		return
	}
	keys, err := filepath.Glob(filepath.Join(f.node(node).DataRoot(), "swarm*", "certificates", "swarm-node.key"))
	if err != nil || len(keys) < 2 {
		f.Fatalf("node keys: %v, %v", keys, err)
	}
	for _, path := range keys {
		if data, err := os.ReadFile(path); err != nil || !strings.Contains(string(data), "ENCRYPTED") {
			f.Errorf("%s lies in clear: %v", path, err)
		}
	}
}

// TestRecoverRefuses looks at the states in which a recovery would destroy
// something.
func TestRecoverRefuses(t *testing.T) {
	f := newFixture(t, lab.Options{Managers: 3, Autolock: true})
	leader := f.leader()
	others := f.others(leader)
	f.populate(leader)
	plan := []string{"recover", "plan"}
	f.wantExit(3, "the swarm has its quorum", leader, plan...)

	if err := f.lab.Partition(others[0]); err != nil {
		f.Fatal(err)
	}
	f.wantExit(3, "the swarm has its quorum", leader, plan...)
	if err := f.lab.Heal(); err != nil {
		f.Fatal(err)
	}

	if err := f.lab.Stop(f.Context(), 30*time.Second, leader); err != nil {
		f.Fatal(err)
	}
	f.wantExit(3, "a majority of the managers is alive: "+leader+", ", leader, plan...)
	f.start(leader)

	f.kill(others...)
	f.start(others...) // locked, with their logs
	var flags []string
	for _, name := range others {
		flags = append(flags, "--manager", name+"="+f.node(name).DockerHost())
	}
	f.wantExit(3, "can be brought back without a recovery", leader, append(plan, flags...)...)
	f.wantExit(2, "no manager of that name", leader, append(plan, "--manager", "m9=unix:///x")...)
	f.wantExit(2, "want NAME=URL", leader, append(plan, "--manager", "m9")...)
	f.wantExit(2, "shows the token", leader, "recover", "run")
	f.wantExit(3, "the evidence changed", leader, append([]string{"recover", "run", "--confirm", "nonsense", "--abandon", others[0], "--abandon", others[1]}, flags...)...)
	f.wantExit(1, "no recovery was begun", leader, "recover", "status")

	t.Run("abandoned logs", func(t *testing.T) {
		g := f.with(t)
		flags := append(flags, "--abandon", others[0], "--abandon", others[1])
		p := g.plan(leader, flags)
		g.runRecovery(leader, p.Token, flags, others)
		g.wantManagers(leader)
		g.wantKey(leader, true)
	})
}
