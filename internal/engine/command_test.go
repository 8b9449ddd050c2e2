package engine_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/internal/engine"
)

func TestCommands(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "trace")
	c := engine.Commands{
		StopArgv:  []string{"sh", "-c", "echo stop >>" + trace},
		StartArgv: []string{"sh", "-c", "echo start >>" + trace},
	}
	var _ engine.Control = c
	if err := errors.Join(c.Stop(t.Context()), c.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(trace); err != nil || string(data) != "stop\nstart\n" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestCommandShowsItsWords(t *testing.T) {
	err := engine.Commands{StopArgv: []string{"sh", "-c", "echo out; echo no such engine >&2; exit 7"}}.Stop(t.Context())
	var failed *engine.CommandError
	if !errors.As(err, &failed) || failed.Output != "out\nno such engine" {
		t.Fatalf("got %v", err)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("exit code of %v", err)
	}
	if !strings.HasSuffix(err.Error(), "exit status 7\nout\nno such engine") {
		t.Errorf("text %q", err)
	}
}

func TestCommandOutputIsBounded(t *testing.T) {
	err := engine.Commands{StopArgv: []string{"sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x; echo end; exit 1"}}.Stop(t.Context())
	var failed *engine.CommandError
	if !errors.As(err, &failed) || len(failed.Output) > 4096 || !strings.HasSuffix(failed.Output, "xend") {
		t.Errorf("%d bytes of output", len(failed.Output))
	}
}

func TestCommandLimit(t *testing.T) {
	start := time.Now()
	c := engine.Commands{StopArgv: []string{"sh", "-c", "echo waiting; exec sleep 60"}, Limit: 300 * time.Millisecond}
	err := c.Stop(t.Context())
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "waiting") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

// A daemon that the start command leaves behind with our output in its hands
// must neither hold us up nor die when it writes later.
func TestCommandLeavesADaemon(t *testing.T) {
	wrote := filepath.Join(t.TempDir(), "wrote")
	script := "(sleep 0.5; echo late && echo late >&2 && touch " + wrote + ") &"
	start := time.Now()
	if err := (engine.Commands{StartArgv: []string{"sh", "-c", script}}).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 400*time.Millisecond {
		t.Errorf("waited %v for the daemon", took)
	}
	eventually(t, 10*time.Second, "the daemon's write", func() error {
		_, err := os.Stat(wrote)
		return err
	})
}

func TestCommandNotThere(t *testing.T) {
	for _, argv := range [][]string{nil, {"/nonexistent/stop"}} {
		if err := (engine.Commands{StopArgv: argv}).Stop(t.Context()); err == nil {
			t.Errorf("%q: no error", argv)
		}
	}
}

// TestStartWaitsForStop: a stop command goes on when its swarmdr is killed; a
// start must not overtake it.
func TestStartWaitsForStop(t *testing.T) {
	dir := t.TempDir()
	c := engine.Commands{
		StopArgv:  []string{"sh", "-c", "echo stopping >> log; sleep 0.5; echo stopped >> log"},
		StartArgv: []string{"sh", "-c", "echo started >> log"},
		LockFile:  filepath.Join(dir, "lock"),
	}
	t.Chdir(dir)
	lock, err := durable.LockFile(t.Context(), c.LockFile)
	if err != nil {
		t.Fatal(err)
	}
	orphan := exec.Command(c.StopArgv[0], c.StopArgv[1:]...)
	orphan.ExtraFiles = []*os.File{lock}
	if err := orphan.Start(); err != nil {
		t.Fatal(err)
	}
	lock.Close()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile("log")
	if err != nil || string(log) != "stopping\nstopped\nstarted\n" {
		t.Errorf("%q, %v", log, err)
	}
	if err := orphan.Wait(); err != nil {
		t.Error(err)
	}
}
