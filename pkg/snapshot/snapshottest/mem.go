package snapshottest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// Mem is a store in memory.
type Mem struct {
	mu      sync.Mutex
	objects map[string]memObject
}

type memObject struct {
	data     []byte
	modified time.Time
	locked   time.Time
}

var (
	_ snapshot.Store  = (*Mem)(nil)
	_ snapshot.Locker = (*Mem)(nil)
)

// NewMem returns an empty store.
func NewMem() *Mem { return &Mem{objects: map[string]memObject{}} }

// URL implements snapshot.Store.
func (m *Mem) URL() string { return "mem:" }

// Ready implements snapshot.Store.
func (m *Mem) Ready(context.Context) error { return nil }

// Put implements snapshot.Store.
func (m *Mem) Put(ctx context.Context, name string, fill func(io.Writer) error) error {
	var buf bytes.Buffer
	if err := fill(&buf); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !fs.ValidPath(name) || name == "." {
		return fmt.Errorf("malformed object name %q", name)
	}
	if _, ok := m.objects[name]; ok {
		return fmt.Errorf("put %s: %w", name, snapshot.ErrExist)
	}
	m.objects[name] = memObject{data: buf.Bytes(), modified: time.Now()}
	return nil
}

// Get implements snapshot.Store.
func (m *Mem) Get(_ context.Context, name string) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[name]
	if !ok {
		return nil, fmt.Errorf("get %s: %w", name, snapshot.ErrNotExist)
	}
	return io.NopCloser(bytes.NewReader(o.data)), nil
}

// List implements snapshot.Store.
func (m *Mem) List(_ context.Context, prefix string) iter.Seq2[snapshot.Object, error] {
	m.mu.Lock()
	objects := maps.Clone(m.objects)
	m.mu.Unlock()
	return func(yield func(snapshot.Object, error) bool) {
		for _, name := range slices.Sorted(maps.Keys(objects)) {
			o := objects[name]
			if !strings.HasPrefix(name, prefix) {
				continue
			}
			if !yield(snapshot.Object{Name: name, Size: int64(len(o.data)), Modified: o.modified}, nil) {
				return
			}
		}
	}
}

// Delete implements snapshot.Store.
func (m *Mem) Delete(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Now().Before(m.objects[name].locked) {
		return fmt.Errorf("delete %s: %w", name, snapshot.ErrLocked)
	}
	delete(m.objects, name)
	return nil
}

// Lock implements snapshot.Locker.
func (m *Mem) Lock(_ context.Context, name string, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[name]
	if !ok {
		return fmt.Errorf("lock %s: %w", name, snapshot.ErrNotExist)
	}
	if until.Before(o.locked) {
		return fmt.Errorf("lock %s: %w until %s", name, snapshot.ErrLocked, o.locked)
	}
	o.locked = until
	m.objects[name] = o
	return nil
}

// LockedUntil implements snapshot.Locker.
func (m *Mem) LockedUntil(_ context.Context, name string) (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[name]
	if !ok {
		return time.Time{}, fmt.Errorf("lock of %s: %w", name, snapshot.ErrNotExist)
	}
	return o.locked, nil
}
