package durable

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrLocked is returned by Lock when another process holds the lock.
var ErrLocked = errors.New("locked by another process")

// Lock takes an advisory lock on path, creating it, and waits until ctx is
// done for whoever holds it. The kernel releases it when the process ends.
// The file stays: removing it would let two holders in.
func Lock(ctx context.Context, path string) (unlock func() error, err error) {
	f, err := LockFile(ctx, path)
	if err != nil {
		return nil, err
	}
	return f.Close, nil
}

// LockFile is Lock for a holder that hands the lock on: it is released when the
// last copy of the file is closed, also one that a child process inherited.
func LockFile(ctx context.Context, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("%s: %w", path, ErrLocked), f.Close())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
