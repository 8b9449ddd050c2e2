package s3

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// List implements snapshot.Store. It asks for pages of 1000 names, and for no
// bodies. Keys that are no names of a store, as the folders that some programs
// make, are somebody else's and passed over. A server that breaks the order of names is an error: a name that
// comes late would be missed by those who rely on the order.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[snapshot.Object, error] {
	return func(yield func(snapshot.Object, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		last := ""
		for info := range s.core.ListObjectsIter(ctx, s.o.Bucket, minio.ListObjectsOptions{Prefix: s.root() + prefix, Recursive: true}) {
			if info.Err == nil && !validName(strings.TrimPrefix(info.Key, s.root())) {
				continue
			}
			o, err := s.object(info, last)
			if err != nil {
				yield(snapshot.Object{}, fmt.Errorf("list %s: %w", s.URL(), plain(err)))
				return
			}
			last = o.Name
			if !yield(o, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(snapshot.Object{}, fmt.Errorf("list %s: %w", s.URL(), err))
		}
	}
}

func (s *Store) object(info minio.ObjectInfo, last string) (snapshot.Object, error) {
	name, ok := strings.CutPrefix(info.Key, s.root())
	switch {
	case info.Err != nil:
		return snapshot.Object{}, info.Err
	case !ok:
		return snapshot.Object{}, errors.New("the server listed a name that was not asked for")
	case name <= last:
		return snapshot.Object{}, fmt.Errorf("the server listed %s after %s", name, last)
	}
	return snapshot.Object{Name: name, Size: info.Size, Modified: info.LastModified}, nil
}

// Delete implements snapshot.Store. In a versioned bucket it leaves a delete
// marker, and the version goes when the bucket's lifecycle rule says so: the
// right to delete versions is one that a backup host need not have.
func (s *Store) Delete(ctx context.Context, name string) error {
	key, err := s.key(name)
	if err != nil {
		return err
	}
	until, held, err := s.locked(ctx, key)
	if missing(err) {
		return nil
	}
	if err == nil && held != "" {
		return fmt.Errorf("delete %s: %w %s", name, snapshot.ErrLocked, held)
	}
	if err == nil {
		err = s.core.RemoveObject(ctx, s.o.Bucket, key, minio.RemoveObjectOptions{})
	}
	if err == nil || missing(err) {
		return nil
	}
	if refusedByLock(err, until) {
		return fmt.Errorf("delete %s: %w: %v", name, snapshot.ErrLocked, plain(err))
	}
	return fmt.Errorf("delete %s: %w", name, plain(err))
}
