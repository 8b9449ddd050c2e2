package lab_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/swarmdr/swarmdr/internal/lab"
)

func testCommand(t *testing.T, l *lab.Lab) {
	t.Setenv("DOCKER_CONTEXT", "elsewhere")
	t.Setenv("SWARMDR_LAB", "a mark")
	m2 := node(t, l, "m2")
	t.Run("host", func(t *testing.T) {
		out := output(t, l, "m2", "sh", "-c", "hostname; cat /proc/net/fib_trie")
		if !strings.HasPrefix(out, "m2\n") || !strings.Contains(out, m2.Address.String()) {
			t.Errorf("m2 is not itself: %s", out)
		}
	})
	t.Run("environment", func(t *testing.T) {
		out := "\n" + output(t, l, "m2", "env")
		for _, want := range []string{"DOCKER_HOST=" + m2.DockerHost(), "SWARMDR_CONFIG=" + m2.ConfigFile()} {
			if !strings.Contains(out, "\n"+want+"\n") {
				t.Errorf("no %s in %s", want, out)
			}
		}
		if strings.Contains(out, "SWARMDR_LAB=") || strings.Contains(out, "DOCKER_CONTEXT=") {
			t.Errorf("environment leads astray: %s", out)
		}
	})
	t.Run("exit code", func(t *testing.T) {
		err := m2.Command(t.Context(), "sh", "-c", "exit 7").Run()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 7 {
			t.Errorf("exit 7 gives %v", err)
		}
	})
	t.Run("not found", func(t *testing.T) {
		if err := m2.Command(t.Context(), "no-such-command").Run(); !errors.Is(err, exec.ErrNotFound) {
			t.Errorf("a missing command gives %v", err)
		}
	})
	t.Run("own threads stay", func(t *testing.T) {
		if out, err := exec.Command("hostname").Output(); err != nil || string(out) == "m2\n" {
			t.Errorf("this process has become m2 (%v)", err)
		}
	})
}

// testExec runs the tool, which replaces itself by the command.
func testExec(t *testing.T, l *lab.Lab, exe string) {
	cmd := exec.Command(exe, "lab", "exec", "--dir", l.Dir(), "m2", "sh", "-c", "hostname; cat; exit 9")
	cmd.Stdin = strings.NewReader("typed")
	out, err := cmd.Output()
	if string(out) != "m2\ntyped" {
		t.Errorf("wrote %q", out)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 9 {
		t.Errorf("exit 9 gives %v", err)
	}
}
