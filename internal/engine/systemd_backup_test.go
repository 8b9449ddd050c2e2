package engine_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/lab/labtest"
)

const (
	backupUnit = "nightly.service"
	downRecord = "/var/lib/swarmdr/state/engine-down.json"
)

// TestBackupUnderSystemd runs cold backups as a service on a systemd host, and
// kills one with all its processes while dockerd is down.
func TestBackupUnderSystemd(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	copyFile(t, labtest.Build(t, labtest.Command), h.path("/usr/local/bin/swarmdr"))
	h.must(t, "docker", "swarm", "init", "--advertise-addr", "127.0.0.1")
	recipient := h.must(t, "swarmdr", "key", "new", "/root/identity.txt")
	backup := []string{"swarmdr", "backup", "--recipient", recipient}
	if out, err := h.run(backup...); err == nil || !strings.Contains(out, "not safe to stop") {
		t.Errorf("the only manager was stopped unasked: %v\n%s", err, out)
	}
	backup = append(backup, "--allow-outage")

	if out := h.must(t, backup...); !strings.Contains(out, "the engine was down for") {
		t.Errorf("backup said\n%s", out)
	}
	wantUp(t, h)

	h.must(t, append([]string{"systemd-run", "--unit", backupUnit}, backup...)...)
	eventually(t, 20*time.Second, "dockerd is stopped", func() error {
		if _, err := os.Stat(h.path(downRecord)); err != nil {
			return err
		}
		return h.wantNotActive("docker.service")
	})
	h.must(t, "systemctl", "kill", "--signal=KILL", "--kill-whom=all", backupUnit)
	eventually(t, time.Minute, "dockerd is up again and its record gone", func() error {
		if _, err := os.Stat(h.path(downRecord)); !errors.Is(err, fs.ErrNotExist) {
			return errors.New("the record is still there")
		}
		return h.wantState("docker.service", "active")
	})
	if result := h.must(t, "systemctl", "show", "--property=Result", backupUnit); result != "Result=signal" {
		t.Errorf("the backup was not killed: %s", result)
	}
	wantUp(t, h)
	if out := h.must(t, "swarmdr", "snapshot", "list", "--long"); strings.Count(out, "cold") != 1 {
		t.Errorf("snapshots after a killed backup:\n%s", out)
	}
}

// must runs a command on the host and returns what it said.
func (h *host) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := h.run(args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (h *host) wantNotActive(unit string) error {
	if h.wantState(unit, "active") == nil {
		return errors.New(unit + " is active")
	}
	return nil
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
