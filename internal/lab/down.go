package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	clearTimeout = 20 * time.Second
	reapTimeout  = 2 * time.Second
)

// Down removes the lab: its processes, namespaces, mounts, cgroups and files,
// whether or not the process that made it came to its end. Data is not worth
// an orderly stop here, so everything is killed at once: one way for healthy
// and broken labs alike. It can be repeated; what it could not remove is in its
// error, and then lab.json is still there. Files in the lab's directory that
// are not the lab's stay.
func (l *Lab) Down(ctx context.Context) error {
	if err := l.refuseInside(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, clearTimeout)
	defer cancel()
	if err := l.killAll(ctx); err != nil {
		return err
	}
	sockets := l.shimSockets()
	if err := unmountBelow(l.dir); err != nil {
		return err
	}
	// A cgroup stays busy for a moment after its last process.
	err := poll(ctx, func() (bool, error) { return l.removeCgroups() == nil, nil })
	if err != nil {
		return errors.Join(err, l.removeCgroups())
	}
	return l.removeFiles(sockets)
}

// refuseInside keeps Down from killing the process it runs in.
func (l *Lab) refuseInside() error {
	own := namespaceID("/proc/self/ns/net")
	for _, id := range l.netNamespaces() {
		if id == own {
			return ErrInside
		}
	}
	return nil
}

// killAll kills until a look at all processes finds none of the lab's and those
// it found have ended, in the order that keeps them from starting others.
func (l *Lab) killAll(ctx context.Context) error {
	var killed, left []process
	err := poll(ctx, func() (bool, error) {
		found := l.processes()
		for _, comm := range []string{dockerdComm, containerdComm, ""} {
			signal(found, comm)
		}
		killed = append(killed, found...)
		left = slices.DeleteFunc(slices.Clone(killed), func(p process) bool { return !p.alive() })
		return len(left) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("kill %s: %w", describe(left), err)
	}
	waitReaped(ctx, killed)
	return nil
}

// waitReaped gives the parents of ended processes a moment to take note. That
// is init, as a rule; zombies of a parent that never looks are not ours.
func waitReaped(ctx context.Context, ended []process) {
	ctx, cancel := context.WithTimeout(ctx, reapTimeout)
	defer cancel()
	_ = poll(ctx, func() (bool, error) {
		return !slices.ContainsFunc(ended, func(p process) bool { return !p.reaped() }), nil
	})
}

func signal(all []process, comm string) {
	for _, p := range all {
		if comm == "" || p.comm == comm {
			_ = syscall.Kill(p.pid, syscall.SIGKILL)
		}
	}
}

func describe(all []process) string {
	var words []string
	for _, p := range all {
		words = append(words, fmt.Sprintf("%s (pid %d)", p.comm, p.pid))
	}
	return strings.Join(words, ", ")
}

// shimSockets are what shims leave in /run/containerd when killed. Containerd
// notes each in the task's bundle: in "address" up to 1.x, in "bootstrap.json"
// since 2.0.
func (l *Lab) shimSockets() []string {
	socket := regexp.MustCompile(`unix://(/run/containerd/s/[0-9a-f]{64})`)
	pattern := filepath.Join(l.dir, "*/containerd/state/io.containerd.runtime.v2.task/*/*/[ab]*")
	files, err := filepath.Glob(pattern)
	if err != nil {
		return nil
	}
	var sockets []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if m := socket.FindSubmatch(data); err == nil && m != nil {
			sockets = append(sockets, string(m[1]))
		}
	}
	return sockets
}

// removeRunDirs removes the directories that containerd and dockerd make at
// fixed places for every instance, if nobody else keeps anything there.
func removeRunDirs() error {
	for _, dir := range []string{"/run/containerd/s", "/run/docker/plugins"} {
		parent := filepath.Dir(dir)
		siblings, _ := os.ReadDir(parent)
		children, _ := os.ReadDir(dir)
		if len(siblings) != 1 || len(children) != 0 {
			continue
		}
		if err := removeDirs(dir, parent); err != nil {
			return err
		}
	}
	return nil
}

// removeFiles removes lab.json last, so that a failure can be repeated.
func (l *Lab) removeFiles(sockets []string) error {
	paths := sockets
	if len(l.nodes) > 0 {
		paths = append(paths, l.UnlockKeyFile(), l.bridgePath())
	}
	for _, n := range l.nodes {
		paths = append(paths, n.Dir())
	}
	for _, path := range paths {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove %s: %w", path, err)
		}
	}
	if err := removeRunDirs(); err != nil {
		return fmt.Errorf("remove run directories: %w", err)
	}
	if err := os.Remove(statePath(l.dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove lab: %w", err)
	}
	return removeDirs(l.dir, l.state.MadeDir)
}
