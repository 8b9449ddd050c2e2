package labtest

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/swarmdr/swarmdr/internal/lab"
)

// lastLines of each daemon's log go into the output of a failed test.
const lastLines = 15

func down(t testing.TB, l *lab.Lab) {
	if t.Failed() {
		for _, n := range l.Nodes() {
			logTail(t, n)
		}
	}
	if _, err := lab.Load(l.Dir()); errors.Is(err, lab.ErrNoLab) {
		return // the test took it down itself
	}
	// The test's own context is over by now.
	if err := l.Down(context.Background()); err != nil {
		t.Errorf("lab down: %v", err)
	}
}

func logTail(t testing.TB, n *lab.Node) {
	data, err := os.ReadFile(n.LogFile())
	if err != nil {
		return
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	lines = lines[max(0, len(lines)-lastLines):]
	t.Logf("%s of %s:\n%s", n.LogFile(), n.Name, strings.Join(lines, "\n"))
}
