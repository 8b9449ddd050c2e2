package engine_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/engine"
)

func TestWaitGone(t *testing.T) {
	for _, c := range []struct {
		name string
		end  syscall.Signal
	}{{"SIGTERM", syscall.SIGTERM}, {"SIGKILL", syscall.SIGKILL}} {
		t.Run(c.name, func(t *testing.T) {
			cmd, start := sleeper(t)
			gone := make(chan error, 1)
			go func() { gone <- engine.WaitGone(t.Context(), cmd.Process.Pid, start) }()
			select {
			case err := <-gone:
				t.Fatalf("gone while alive: %v", err)
			case <-time.After(300 * time.Millisecond):
			}
			// Not waited for: a zombie is gone too.
			if err := cmd.Process.Signal(c.end); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-gone:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(5 * time.Second):
				t.Error("not seen within 5 s")
			}
		})
	}
}

func TestWaitGoneEndsWithItsContext(t *testing.T) {
	cmd, start := sleeper(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := engine.WaitGone(ctx, cmd.Process.Pid, start); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestWaitGoneKnowsAnotherProcess(t *testing.T) {
	cmd, start := sleeper(t)
	if err := engine.WaitGone(t.Context(), cmd.Process.Pid, start+1); err != nil {
		t.Errorf("a pid given out again: %v", err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err := engine.WaitGone(t.Context(), cmd.Process.Pid, start); err != nil {
		t.Errorf("a pid that is free: %v", err)
	}
	if _, err := engine.StartTime(cmd.Process.Pid); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("start of a process that is gone: %v", err)
	}
}

// The name of a process may hold what looks like fields.
func TestStartTimeOfAnOddName(t *testing.T) {
	dir := t.TempDir()
	odd := dir + "/a) S 1 (b"
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(odd, data, 0o755); err != nil {
		t.Fatal(err)
	}
	plain, before := sleeper(t)
	_ = plain
	cmd := exec.Command(odd, "60")
	after := startSleeper(t, cmd)
	if after < before || after > before+1000 {
		t.Errorf("start %d, that of a process a moment before %d", after, before)
	}
}

func sleeper(t *testing.T) (*exec.Cmd, uint64) {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	return cmd, startSleeper(t, cmd)
}

func startSleeper(t *testing.T, cmd *exec.Cmd) uint64 {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	start, err := engine.StartTime(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return start
}
