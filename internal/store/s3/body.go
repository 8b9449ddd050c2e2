package s3

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/minio/minio-go/v7"
)

// readTries is how often in a row a broken body is asked for again without one
// more byte coming.
const readTries = 4

// body reads a whole object, and goes on where a connection broke.
type body struct {
	s            *Store
	ctx          context.Context
	key, etag    string
	r            io.ReadCloser
	offset, size int64 // bytes
	failures     int   // since the last byte
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.offset += int64(n)
	if n > 0 {
		b.failures = 0
	}
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	return n, b.again(err)
}

// again asks for what is left of the same object.
func (b *body) again(broken error) error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	if b.offset >= b.size {
		return io.EOF
	}
	if b.failures++; b.failures > readTries {
		return plain(broken)
	}
	b.r.Close()
	if err := pause(b.ctx, time.Duration(b.failures)*100*time.Millisecond); err != nil {
		return err
	}
	o := minio.GetObjectOptions{}
	if err := o.SetMatchETag(b.etag); err != nil {
		return err
	}
	if b.offset > 0 {
		if err := o.SetRange(b.offset, b.size-1); err != nil {
			return err
		}
	}
	r, _, header, err := b.s.core.GetObject(b.ctx, b.s.o.Bucket, b.key, o)
	if err != nil {
		return plain(err)
	}
	b.r = r
	if b.offset > 0 && header.Get("Content-Range") == "" {
		return errors.Join(errors.New("the server does not know ranges"), plain(broken))
	}
	return nil
}

// Close implements io.Closer.
func (b *body) Close() error { return b.r.Close() }
