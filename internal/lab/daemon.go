package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// containerdConfig keeps containerd to the node's directory: what is disabled
// listens, or keeps files, at a fixed place of the machine (CRI; NRI and the
// /opt plugin since containerd 1.7). The format is version 2, which containerd
// 1.4 to 2.x read.
const containerdConfig = `version = 2
root = %q
state = %q
disabled_plugins = [
  "io.containerd.grpc.v1.cri",
  "io.containerd.cri.v1.images",
  "io.containerd.cri.v1.runtime",
  "io.containerd.nri.v1.nri",
  "io.containerd.internal.v1.opt",
]
[grpc]
  address = %q
`

// writeEngineFiles writes what the two daemons read.
func (n *Node) writeEngineFiles() error {
	ctrd := fmt.Sprintf(containerdConfig, n.path("containerd/root"), n.path("containerd/state"), n.containerdSocket())
	return errors.Join(
		os.WriteFile(n.path("containerd.toml"), []byte(ctrd), 0o644),
		os.WriteFile(n.path("daemon.json"), []byte(n.daemonJSON()), 0o644),
	)
}

// daemonJSON is empty, except that engines before 23.0 are told to keep their
// trust key in the node instead of /etc/docker (moby 20.10, daemon/config:
// "deprecated-key-path"; later engines refuse the word).
func (n *Node) daemonJSON() string {
	if majorVersion(n.EngineVersion) >= 23 {
		return "{}\n"
	}
	return fmt.Sprintf("{%q: %q}\n", "deprecated-key-path", n.path("key.json"))
}

func (n *Node) containerdSocket() string { return n.path("containerd.sock") }

// cgroupParent is a path in every cgroup hierarchy, one per node.
func (n *Node) cgroupParent() string { return n.lab.cgroupPrefix() + n.Name }

// dockerdArgs: the firewall stays alone, because every node would fight for
// it, and no default bridge is made. The cgroup driver is cgroupfs, so that
// no systemd is needed and Down can remove what was made.
func (n *Node) dockerdArgs() []string {
	args := []string{
		"--config-file", n.path("daemon.json"),
		"--data-root", n.DataRoot(),
		"--exec-root", n.path("exec"),
		"--pidfile", n.pidFile(),
		"--host", n.DockerHost(),
		"--containerd", n.containerdSocket(),
		"--cgroup-parent", n.cgroupParent(),
		"--exec-opt", "native.cgroupdriver=cgroupfs",
		"--storage-driver", "vfs",
		"--bridge", "none",
		"--iptables=false",
	}
	if majorVersion(n.EngineVersion) >= 20 {
		args = append(args, "--ip6tables=false")
	}
	return args
}

func (n *Node) pidFile() string { return n.path("docker.pid") }

// launch starts containerd and dockerd and returns the latter without waiting
// for its API. A containerd of its own is started on purpose: left to
// itself, dockerd takes the machine's when /run/containerd/containerd.sock
// exists, and all nodes would share it. Dockerd waits for its containerd.
func (n *Node) launch() (process, error) {
	path := enginePath(n.Dockerd)
	if _, err := executable(n.Dockerd); err != nil {
		return process{}, err
	}
	containerd, err := findIn(path, "containerd")
	if err != nil {
		return process{}, fmt.Errorf("%w: containerd of %s", ErrNoEngine, n.Dockerd)
	}
	if err := os.RemoveAll(n.pidFile()); err != nil {
		return process{}, fmt.Errorf("remove stale pid file: %v", err)
	}
	if _, err := n.spawn("containerd.log", containerd, "--config", n.path("containerd.toml")); err != nil {
		return process{}, err
	}
	return n.spawn("dockerd.log", n.Dockerd, n.dockerdArgs()...)
}

// spawn starts a daemon in the node, in a session of its own, so that it
// outlives this process. While this process lives it reaps the daemon.
func (n *Node) spawn(logName, path string, args ...string) (process, error) {
	log, err := os.OpenFile(n.path(logName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return process{}, fmt.Errorf("open log: %v", err)
	}
	defer log.Close()
	cmd := exec.Command(path, args...)
	cmd.Dir = "/"
	cmd.Env = n.daemonEnv()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := n.inNamespaces(cmd.Start); err != nil {
		return process{}, fmt.Errorf("start %s of %s: %w", path, n.Name, err)
	}
	started, _ := process{pid: cmd.Process.Pid}.look()
	go func() { _ = cmd.Wait() }()
	return started, nil
}

func (n *Node) daemonEnv() []string {
	return []string{
		"PATH=" + enginePath(n.Dockerd),
		"HOME=/root",
		markLab + "=" + n.lab.dir,
		markNode + "=" + n.Name,
	}
}

// lastWords is the last line that dockerd logged.
func (n *Node) lastWords() string {
	data, err := os.ReadFile(n.LogFile())
	if err != nil {
		return "it logged nothing"
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return lines[len(lines)-1]
}
