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
	// Delete removes an object; a missing one is no error.
	Delete(ctx context.Context, name string) error
}

// Object is what a store knows of one object. Size is in bytes.
type Object struct {
	Name     string
	Size     int64
	Modified time.Time
}
