package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// host is a Debian machine with a real systemd and a real docker.service, in
// a container of systemd-nspawn.
type host struct {
	pid int // of its init, seen from here
}

// startHost boots one in a network namespace, a cgroup and an overlay of its
// own, and takes all of it away at the end.
func startHost(t *testing.T) *host {
	t.Helper()
	needRoot(t)
	needCommands(t, "systemd-nspawn", "debootstrap", "nsenter", "ip")
	dir := tempDir(t)
	root := overlay(t, baseRoot(t), dir)
	writeFile(t, filepath.Join(root, "etc/docker/daemon.json"), `{"bridge":"none","iptables":false,"storage-driver":"vfs"}`)
	nspawn := bootCommand(t, root, filepath.Join(dir, "docker"))
	h := &host{}
	t.Cleanup(func() { h.off(t, nspawn) })
	if err := nspawn.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "systemd", func() error { return h.find(nspawn.Process.Pid) })
	eventually(t, 30*time.Second, "D-Bus", func() error {
		_, err := os.Stat(h.path("/run/dbus/system_bus_socket"))
		return err
	})
	eventually(t, time.Minute, "docker.service", func() error { return h.wantState("docker.service", "active") })
	return h
}

// baseRoot is the cached root directory, made if need be.
func baseRoot(t *testing.T) string {
	t.Helper()
	script := exec.Command("../../testfixtures/systemd-host.sh")
	script.Stderr = os.Stderr
	out, err := script.Output()
	if err != nil {
		t.Fatalf("make root directory: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func overlay(t *testing.T, lower, dir string) string {
	t.Helper()
	for _, d := range []string{"upper", "work", "root", "docker"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	root := filepath.Join(dir, "root")
	opts := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", lower, filepath.Join(dir, "upper"), filepath.Join(dir, "work"))
	if err := syscall.Mount("overlay", root, "overlay", 0, opts); err != nil {
		t.Fatalf("mount overlay: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(root, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount overlay: %v", err)
		}
	})
	return root
}

func bootCommand(t *testing.T, root, dockerDir string) *exec.Cmd {
	t.Helper()
	cgroup, unified := hostCgroup(t)
	const boot = `echo $$ >"$1/cgroup.procs" && ip link set lo up && shift && exec "$@"`
	cmd := exec.Command("sh", "-c", boot, "sh", cgroup,
		"systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--capability=all",
		"--bind="+dockerDir+":/var/lib/docker", "--console=pipe", "--directory="+root)
	cmd.Env = append(os.Environ(), "SYSTEMD_NSPAWN_API_VFS_WRITABLE=network", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="+unified)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS}
	return cmd
}

// hostCgroup makes the cgroup that the container's tree hangs below.
func hostCgroup(t *testing.T) (dir, unified string) {
	t.Helper()
	base, unified := "/sys/fs/cgroup/systemd", "0"
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		base, unified = "/sys/fs/cgroup", "1"
	}
	dir = filepath.Join(base, fmt.Sprintf("swarmdr-engine-test-%d", time.Now().UnixNano()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeCgroup(t, dir) })
	return dir, unified
}

func removeCgroup(t *testing.T, dir string) {
	var dirs []string
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	for i := len(dirs) - 1; i >= 0; i-- {
		if err := syscall.Rmdir(dirs[i]); err != nil {
			t.Errorf("remove cgroup: %v", err)
		}
	}
}

// find takes the child of nspawn that is the first process of its pid
// namespace: while it starts, nspawn has other children.
func (h *host) find(nspawn int) error {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", nspawn, nspawn))
	if err != nil {
		return err
	}
	for _, field := range strings.Fields(string(data)) {
		status, err := os.ReadFile("/proc/" + field + "/status")
		if err == nil && regexp.MustCompile(`(?m)^NSpid:\t[0-9]+\t1$`).Match(status) {
			_, err = fmt.Sscan(field, &h.pid)
			return err
		}
	}
	return fmt.Errorf("no init among the children %q", data)
}

// off kills the init, and with it all there is in its pid namespace.
func (h *host) off(t *testing.T, nspawn *exec.Cmd) {
	if nspawn.Process == nil {
		return
	}
	if h.pid != 0 {
		_ = syscall.Kill(h.pid, syscall.SIGKILL)
	} else {
		_ = nspawn.Process.Kill()
	}
	last := time.AfterFunc(20*time.Second, func() { _ = nspawn.Process.Kill() })
	defer last.Stop()
	var exit *exec.ExitError
	if err := nspawn.Wait(); err != nil && !asExit(err, &exit) {
		t.Errorf("wait for systemd-nspawn: %v", err)
	}
}

// path is where a path of the host is seen from here.
func (h *host) path(p string) string { return fmt.Sprintf("/proc/%d/root%s", h.pid, p) }

func (h *host) bus() string { return "unix:path=" + h.path("/run/dbus/system_bus_socket") }

func (h *host) dockerHost() string { return "unix://" + h.path("/run/docker.sock") }

func (h *host) run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	enter := append([]string{"-t", fmt.Sprint(h.pid), "-m", "-p", "-n", "-u", "-i"}, args...)
	out, err := exec.CommandContext(ctx, "nsenter", enter...).CombinedOutput()
	return string(bytes.TrimSpace(out)), err
}

func (h *host) wantState(unit, want string) error {
	// is-active exits 3 for a unit that is not.
	if got, _ := h.run("systemctl", "is-active", unit); got != want {
		return fmt.Errorf("%s is %s, want %s", unit, got, want)
	}
	return nil
}

// addUnit installs a unit file and tells systemd.
func (h *host) addUnit(t *testing.T, name, text string) {
	t.Helper()
	writeFile(t, h.path("/etc/systemd/system/"+name), text)
	if out, err := h.run("systemctl", "daemon-reload"); err != nil {
		t.Fatalf("reload units: %v: %s", err, out)
	}
}
