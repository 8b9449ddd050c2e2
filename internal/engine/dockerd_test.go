package engine_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/engine"
)

// dockerd is one real engine on this machine, without a network of its own:
// its API is all that the tests want of it.
type dockerd struct {
	dir    string
	socket string
}

// startDockerd starts one with more hosts to listen on, waits for its API, and
// ends it with the test.
func startDockerd(t *testing.T, args ...string) *dockerd {
	t.Helper()
	needRoot(t)
	needCommands(t, "dockerd", "containerd")
	d := &dockerd{dir: tempDir(t)}
	d.socket = filepath.Join(d.dir, "docker.sock")
	writeFile(t, filepath.Join(d.dir, "daemon.json"), d.config(t))
	cmd := exec.Command("dockerd", append([]string{
		"--config-file", filepath.Join(d.dir, "daemon.json"),
		"--data-root", filepath.Join(d.dir, "data"),
		"--exec-root", filepath.Join(d.dir, "exec"),
		"--pidfile", filepath.Join(d.dir, "pid"),
		"--host", "unix://" + d.socket,
		"--bridge=none", "--iptables=false", "--storage-driver=vfs",
	}, args...)...)
	log := d.openLog(t)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.stop(t, cmd) })
	c := connect(t, "unix://"+d.socket, engine.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.WaitAPI(ctx); err != nil {
		t.Fatal(err)
	}
	return d
}

// config is empty, but Docker 20.10 would leave a key file in /etc; later
// engines neither do that nor know the setting.
func (d *dockerd) config(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("dockerd", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "version 20.10.") {
		return "{}"
	}
	return fmt.Sprintf(`{"deprecated-key-path":%q}`, filepath.Join(d.dir, "key.json"))
}

func (d *dockerd) openLog(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(d.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// stop ends the daemon and its containerd, which is in its process group
// unless it made one of its own.
func (d *dockerd) stop(t *testing.T, cmd *exec.Cmd) {
	if t.Failed() {
		log, _ := os.ReadFile(filepath.Join(d.dir, "log"))
		t.Logf("log of dockerd:\n%s", log)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(8*time.Second, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	// How it ends is its own business.
	_ = cmd.Wait()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}
