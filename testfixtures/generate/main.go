// Command generate writes swarm directories of internal/swarmgen, to look at
// and to measure with.
//
//	go run ./testfixtures/generate                        list the cases
//	go run ./testfixtures/generate CASE DIR               one of them
//	go run ./testfixtures/generate task-updates DIR [N]   N updates, default 100,000
//	go run ./testfixtures/generate swarm2000 DIR DIR      the same swarm twice, hours apart
//
// A DIR must not exist. The unlock key, where there is one, goes to stdout.
package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/swarmdr/swarmdr/internal/swarmgen"
)

const updateBytes = 2400

func main() {
	t := &command{}
	defer t.finish()
	args := os.Args[1:]
	switch {
	case len(args) == 0:
		list()
	case len(args) < 2:
		t.Fatal("want a case and a directory")
	case args[0] == "task-updates":
		taskUpdates(t, args[1:])
	case args[0] == "swarm2000":
		swarm2000(t, args[1:])
	default:
		report(swarmgen.Named(t, args[0]).Build(t, args[1]))
	}
}

func list() {
	for _, c := range swarmgen.Cases() {
		fmt.Printf("%-28s %s\n%-28s (%s)\n", c.Name, c.What, "", c.Source)
	}
}

func taskUpdates(t *command, args []string) {
	n := 100_000
	if len(args) > 1 {
		var err error
		if n, err = strconv.Atoi(args[1]); err != nil {
			t.Fatal(err)
		}
	}
	report(swarmgen.TaskUpdates(t, args[0], n, updateBytes))
}

func swarm2000(t *command, args []string) {
	swarm := swarmgen.DockerSwarm2000(t, args[0], 1)
	report(swarm.Expect)
	if len(args) < 2 {
		return
	}
	for _, c := range swarm.Later(t, args[1]) {
		fmt.Fprintln(os.Stderr, c.Kind, c.Name, c.What)
	}
}

func report(e swarmgen.Expect) {
	fmt.Fprintf(os.Stderr, "last index %d, commit %d, raft snapshot %d, %d segments\n", e.Last, e.Commit, e.RaftSnapshot, e.Segments)
	for _, w := range e.Warnings {
		fmt.Fprintln(os.Stderr, w)
	}
	if e.Locked {
		fmt.Println(e.UnlockKey)
	}
}

// command is a swarmgen.TB.
type command struct{ cleanups []func() }

func (*command) Helper() {}

func (c *command) Cleanup(f func()) { c.cleanups = append(c.cleanups, f) }

func (c *command) Fatal(args ...any) {
	c.finish()
	fmt.Fprintln(os.Stderr, append([]any{"generate:"}, args...)...)
	os.Exit(1)
}

func (c *command) finish() {
	for i := len(c.cleanups) - 1; i >= 0; i-- {
		c.cleanups[i]()
	}
	c.cleanups = nil
}
