package lab

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// onThread runs f on a thread of its own that is thrown away afterwards,
// together with the namespaces that f put it in. The main thread is passed
// over: it cannot be thrown away, and /proc/self speaks of it.
func onThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			done <- f() // never unlocked: the thread ends with the goroutine
			return
		}
		done <- onThread(f)
		runtime.UnlockOSThread()
	}()
	return <-done
}

// inNamespaces runs f with the node's network and host name. A process that f
// starts stays there.
func (n *Node) inNamespaces(f func() error) error {
	return onThread(func() error {
		if err := n.enter(); err != nil {
			return err
		}
		return f()
	})
}

// enter moves the calling thread, which has to be locked, into the node.
func (n *Node) enter() error {
	if err := setns(n.NetNS(), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter %s: %w", n.Name, err)
	}
	if err := setns(n.utsPath(), unix.CLONE_NEWUTS); err != nil {
		return fmt.Errorf("enter %s: %w", n.Name, err)
	}
	return nil
}

func setns(path string, kind int) error {
	f, err := openNamespace(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Setns(int(f.Fd()), kind); err != nil {
		return fmt.Errorf("setns %s: %w", path, err)
	}
	return nil
}

// openNamespace opens the namespace that is mounted on path.
func openNamespace(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	fs := unix.Statfs_t{}
	if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil {
		return nil, errors.Join(fmt.Errorf("statfs %s: %w", path, err), f.Close())
	}
	if fs.Type != unix.NSFS_MAGIC {
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrGone, path), f.Close())
	}
	return f, nil
}

// makeNetNS makes a network namespace that lives as long as it is mounted on
// path.
func makeNetNS(path string) error {
	return onThread(func() error {
		ns, err := netns.New()
		if err != nil {
			return fmt.Errorf("create network namespace: %w", err)
		}
		return errors.Join(pin("net", path), ns.Close())
	})
}

// makeUTS does the same for a UTS namespace with that host name.
func makeUTS(path, hostname string) error {
	return onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWUTS); err != nil {
			return fmt.Errorf("create UTS namespace: %w", err)
		}
		if err := unix.Sethostname([]byte(hostname)); err != nil {
			return fmt.Errorf("set host name: %w", err)
		}
		return pin("uts", path)
	})
}

// pin mounts the calling thread's namespace of that kind on path.
func pin(kind, path string) error {
	if err := os.WriteFile(path, nil, 0o444); err != nil {
		return fmt.Errorf("create mount point: %w", err)
	}
	source := fmt.Sprintf("/proc/%d/task/%d/ns/%s", os.Getpid(), unix.Gettid(), kind)
	if err := unix.Mount(source, path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount namespace on %s: %w", path, err)
	}
	return nil
}
