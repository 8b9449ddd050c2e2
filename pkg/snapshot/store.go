package snapshot

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

var (
	// ErrExist is returned by Store.Put for a name that is taken.
	ErrExist = errors.New("object exists")
	// ErrNotExist is returned by Store.Get, and by Find and Load.
	ErrNotExist = errors.New("no such snapshot")
	// ErrLocked is returned by Store.Delete for an object that is locked, and by
	// Locker.Lock for a time before the one that holds.
	ErrLocked = errors.New("object is locked")
	// ErrNoLock is returned by Locker.Lock when the store has no locks.
	ErrNoLock = errors.New("the store does not lock objects")
)

// Store keeps objects under names: slash-separated, each part of letters,
// digits, '.', '_' and '-'. What other names begin with is no object by itself.
// Its methods may be called from several goroutines.
// Every implementation passes snapshottest.Run.
type Store interface {
	// URL names the store without credentials.
	URL() string
	// Ready says why the store cannot be written now, before an engine is
	// stopped for it. It leaves nothing behind.
	Ready(ctx context.Context) error
	// Put calls fill once and stores what it wrote. The object is durable and
	// complete when Put returns nil, and absent when fill fails or the process
	// is killed. A taken name is ErrExist, and the old object stays.
	Put(ctx context.Context, name string, fill func(io.Writer) error) error
	// Get opens an object; ErrNotExist when there is none.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	// List yields the objects whose name begins with prefix, in order of their
	// names.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]
	// Delete removes an object; a missing one is no error. A locked one is
	// ErrLocked, and stays.
	Delete(ctx context.Context, name string) error
}

// Locker is a Store that can keep objects from being deleted until a time, also
// by those who may delete. Its methods may be called from several goroutines.
type Locker interface {
	// Lock keeps an object until then, at least to the second. To lock for
	// longer is allowed, for a shorter time ErrLocked; ErrNoLock when the store
	// has no locks, ErrNotExist when there is no such object.
	Lock(ctx context.Context, name string, until time.Time) error
	// LockedUntil is the zero time for an object without a lock; ErrNotExist
	// when there is no such object.
	LockedUntil(ctx context.Context, name string) (time.Time, error)
}

// Object is what a store knows of one object. Size is in bytes.
type Object struct {
	Name     string
	Size     int64
	Modified time.Time
}
