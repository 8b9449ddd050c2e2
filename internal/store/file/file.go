// Package file keeps snapshots in a local directory, mode 0700.
package file

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// Store implements snapshot.Store in a directory, which it creates when the
// first object is put.
type Store struct{ dir string }

var _ snapshot.Store = (*Store)(nil)

// New names the directory; it touches nothing.
func New(dir string) *Store { return &Store{dir} }

// URL implements snapshot.Store.
func (s *Store) URL() string { return "file://" + s.dir }

// Ready implements snapshot.Store: it creates the directory, and puts a small
// object as Put does and removes it.
func (s *Store) Ready(context.Context) error {
	if err := durable.MkdirAll(s.dir); err != nil {
		return fmt.Errorf("create store: %w", err)
	}
	path := filepath.Join(s.dir, durable.Partial+"ready-"+rand.Text())
	err := durable.CreateFile(path, 0o600, func(w io.Writer) error {
		_, err := w.Write([]byte{0})
		return err
	})
	if err != nil {
		return err
	}
	return durable.RemoveFile(path)
}

// Put implements snapshot.Store.
func (s *Store) Put(ctx context.Context, name string, fill func(io.Writer) error) error {
	path, err := s.path(name)
	if err != nil {
		return err
	}
	if err := durable.MkdirAll(filepath.Dir(path)); err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	err = durable.CreateFile(path, 0o600, func(w io.Writer) error {
		return fill(contextWriter{ctx, w})
	})
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("put %s: %w", name, snapshot.ErrExist)
	}
	return err
}

// Get implements snapshot.Store.
func (s *Store) Get(_ context.Context, name string) (io.ReadCloser, error) {
	path, err := s.path(name)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notExist(name)
	}
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", name, err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, notExist(name), f.Close())
	}
	return f, nil
}

func notExist(name string) error { return fmt.Errorf("get %s: %w", name, snapshot.ErrNotExist) }

// List implements snapshot.Store.
func (s *Store) List(_ context.Context, prefix string) iter.Seq2[snapshot.Object, error] {
	return func(yield func(snapshot.Object, error) bool) {
		objects, err := s.objects()
		if err != nil {
			yield(snapshot.Object{}, fmt.Errorf("list %s: %w", s.URL(), err))
			return
		}
		for _, o := range objects {
			if strings.HasPrefix(o.Name, prefix) && !yield(o, nil) {
				return
			}
		}
	}
}

// objects are all objects in the order of their names, which is not the order
// of a walk: '-' and '.' sort before '/'. What vanishes meanwhile was deleted.
func (s *Store) objects() ([]snapshot.Object, error) {
	var all []snapshot.Object
	err := fs.WalkDir(os.DirFS(s.dir), ".", func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(d.Name(), durable.Partial) {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		all = append(all, snapshot.Object{Name: name, Size: info.Size(), Modified: info.ModTime()})
		return nil
	})
	slices.SortFunc(all, func(a, b snapshot.Object) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}

// Delete implements snapshot.Store.
func (s *Store) Delete(_ context.Context, name string) error {
	path, err := s.path(name)
	if err != nil {
		return err
	}
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		return nil
	}
	return durable.RemoveFile(path)
}

// path refuses names that lead out of the directory, that a listing passes
// over, or that name the same file as another.
func (s *Store) path(name string) (string, error) {
	if !fs.ValidPath(name) || name == "." || strings.HasPrefix(path.Base(name), durable.Partial) {
		return "", fmt.Errorf("malformed object name %q", name)
	}
	return filepath.Join(s.dir, name), nil
}

type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c contextWriter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}
