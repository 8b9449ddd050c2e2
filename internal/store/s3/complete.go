package s3

import (
	"context"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// abortTimeout is for what is cleaned up when the context is done.
const abortTimeout = 10 * time.Second

// finish puts the last part and makes the object appear.
func (u *upload) finish() error {
	if u.err == nil {
		u.err = u.ctx.Err()
	}
	switch {
	case u.err != nil:
	case u.id == "" && len(u.parts) == 0 && len(u.buf) <= u.s.partSize(1):
		u.err = plain(u.single())
	default:
		u.err = plain(u.complete())
	}
	return u.err
}

func (u *upload) complete() error {
	if err := u.flush(); err != nil {
		return err
	}
	if err := u.mustBeFree(); err != nil {
		return err
	}
	etag, err := u.seal()
	switch status(err) {
	case http.StatusPreconditionFailed:
		return u.mustBeOurs()
	case http.StatusNotFound: // no such upload: an answer was lost, or somebody ended it
		ours, again := u.ours("")
		if again != nil || ours {
			return again
		}
		return err
	}
	if err != nil {
		return err
	}
	ours, err := u.ours(etag)
	if err == nil && !ours {
		return snapshot.ErrExist
	}
	if err == nil && u.resumed && u.s.o.LockFor > 0 {
		return u.s.lock(u.ctx, u.key, time.Now().Add(u.s.o.LockFor))
	}
	return err
}

// seal makes the object of the parts, if its name is free, and returns its ETag.
func (u *upload) seal() (string, error) {
	o := minio.PutObjectOptions{}
	o.SetMatchETagExcept("*")
	info, err := u.s.core.CompleteMultipartUpload(u.ctx, u.s.o.Bucket, u.key, u.id, u.parts, o)
	return info.ETag, err
}

func (u *upload) abort() error {
	if u.id == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), abortTimeout)
	defer cancel()
	err := u.s.core.AbortMultipartUpload(ctx, u.s.o.Bucket, u.key, u.id)
	if missing(err) {
		return nil
	}
	return plain(err)
}

func (u *upload) release() {
	if u.id != "" {
		u.s.active.Delete(u.id)
	}
}
