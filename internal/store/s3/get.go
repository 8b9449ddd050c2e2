package s3

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// Get implements snapshot.Store. A body that breaks off is asked for again from
// there on. One that stays shorter than the server said is io.ErrUnexpectedEOF,
// one that has not the SHA-256 that the server keeps is ErrChecksum, both where
// it ends.
func (s *Store) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	return s.get(ctx, name, minio.GetObjectOptions{})
}

// GetRange is Get of length bytes from offset on, or as many as there are.
func (s *Store) GetRange(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	o := minio.GetObjectOptions{}
	if offset < 0 || length <= 0 {
		return nil, fmt.Errorf("get %s: malformed range %d+%d", name, offset, length)
	}
	if err := o.SetRange(offset, offset+length-1); err != nil {
		return nil, fmt.Errorf("get %s: %v", name, err)
	}
	return s.get(ctx, name, o)
}

func (s *Store) get(ctx context.Context, name string, o minio.GetObjectOptions) (io.ReadCloser, error) {
	key, err := s.key(name)
	if err != nil {
		return nil, err
	}
	r, err := s.open(ctx, key, o)
	if missing(err) {
		return nil, fmt.Errorf("get %s: %w", name, snapshot.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", name, plain(err))
	}
	return r, nil
}

func (s *Store) open(ctx context.Context, key string, o minio.GetObjectOptions) (io.ReadCloser, error) {
	whole := o.Header().Get("Range") == ""
	if whole {
		o.Set("X-Amz-Checksum-Mode", "ENABLED")
	}
	r, info, header, err := s.core.GetObject(ctx, s.o.Bucket, key, o)
	if err != nil {
		return nil, err
	}
	// With a length net/http sees that a body was cut; without one it looks whole.
	if header.Get("Content-Length") == "" || info.Size < 0 {
		r.Close()
		return nil, errors.New("the answer has no length")
	}
	if !whole {
		return r, nil
	}
	r = &body{s: s, ctx: ctx, key: key, etag: info.ETag, r: r, size: info.Size}
	if sum := header.Get("X-Amz-Checksum-Sha256"); sum != "" {
		r = verified(r, sum, info.UserMetadata[partKey], func(size int64) bool { return s.cutInto(ctx, key, size) })
	}
	return r, nil
}

// cutInto says if the first part has that size. Programs that copy buckets
// copy the metadata and may choose other parts.
func (s *Store) cutInto(ctx context.Context, key string, size int64) bool {
	first, err := s.core.StatObject(ctx, s.o.Bucket, key, minio.StatObjectOptions{PartNumber: 1})
	return err == nil && first.Size == size
}
