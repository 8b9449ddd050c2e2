package s3

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/minio/minio-go/v7"
)

// Ready implements snapshot.Store: it lists, begins an upload, sends a part and
// aborts it, for even a deleted object would leave a version in some buckets.
// It also removes the unfinished uploads that are older than StaleAfter.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.reach(ctx); err != nil {
		return fmt.Errorf("list: %w", plain(err))
	}
	if err := s.tryUpload(ctx); err != nil {
		return fmt.Errorf("upload: %w", plain(err))
	}
	if s.o.LockFor > 0 {
		if err := s.canLock(ctx); err != nil {
			return fmt.Errorf("lock: %w", plain(err))
		}
	}
	_, err := s.Clean(ctx, StaleAfter)
	if refusedList(err) {
		return nil // who may not list uploads leaves them to the bucket's lifecycle rule
	}
	return err
}

// reach asks for one name.
func (s *Store) reach(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for info := range s.core.ListObjectsIter(ctx, s.o.Bucket, minio.ListObjectsOptions{Prefix: s.root(), Recursive: true, MaxKeys: 1}) {
		return info.Err
	}
	return ctx.Err()
}

func (s *Store) tryUpload(ctx context.Context) error {
	unlocked := *s
	unlocked.o.LockFor = 0
	u := &upload{s: &unlocked, ctx: ctx, key: s.root() + "ready-" + rand.Text(), buf: []byte("x"), all: sha256.New()}
	if err := u.create(); err != nil {
		return err
	}
	defer u.release()
	_, err := u.put(1, sha256.Sum256(u.buf))
	return errors.Join(plain(err), u.abort())
}
