package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// checksum sends a checksum that is not that of the body.
func (c *check) checksum() bool {
	if !c.s.checksums() {
		c.r.Warn("checksum", "switched off", "switch it on if the server takes SHA-256 checksums")
		return true
	}
	u, err := c.begin("sum")
	if err == nil {
		defer u.release()
		_, err = u.put(1, sha256.Sum256([]byte("something else")))
	}
	switch {
	case u.id == "":
		c.r.Fail("checksum", plain(err).Error(), "allow multipart uploads")
		return true
	case err == nil:
		c.r.Warn("checksum", "a body with a wrong checksum was taken", "none: each backup is read back and compared")
	default:
		c.r.OK("checksum", "SHA-256; a body with a wrong one is refused")
	}
	if err := u.abort(); err != nil {
		c.r.Warn("abort", plain(err).Error(), "allow AbortMultipartUpload, and let a lifecycle rule remove unfinished uploads")
	}
	return true
}

func (c *check) multipart() bool {
	if err := c.wholeUpload("parts"); err != nil {
		c.r.Fail("multipart", plain(err).Error(), "allow multipart uploads")
		return true
	}
	c.r.OK("multipart", "an object was stored in parts")
	return true
}

// putAgain and multipartAgain leave out that Put looks at the name before.
func (c *check) putAgain() bool {
	sum := sha256.Sum256(c.data)
	o := c.unlocked.putOptions(rand.Text())
	o.SetMatchETagExcept("*")
	_, err := c.s.core.PutObject(c.ctx, c.s.o.Bucket, c.key("parts"), bytes.NewReader(c.data), int64(len(c.data)), c.s.md5(c.data), hex.EncodeToString(sum[:]), o)
	c.condition("conditional put", err)
	return true
}

func (c *check) multipartAgain() bool {
	c.condition("conditional upload", c.wholeUpload("parts"))
	return true
}

func (c *check) condition(name string, err error) {
	switch {
	case status(err) == http.StatusPreconditionFailed:
		c.r.OK(name, "If-None-Match refuses a name that is taken")
	case err == nil:
		c.r.Warn(name, "If-None-Match does not refuse a name that is taken", "let one host alone write a name: swarmdr looks before it writes, but two at the same moment are not kept apart")
	default:
		c.r.Fail(name, plain(err).Error(), "use a server that knows If-None-Match")
	}
}

func (c *check) begin(name string) (*upload, error) {
	u := &upload{s: c.unlocked, ctx: c.ctx, key: c.key(name), token: rand.Text(), all: sha256.New(), buf: bytes.Clone(c.data)}
	return u, u.create()
}

// wholeUpload is an upload in one part, the last of which may be small.
func (c *check) wholeUpload(name string) error {
	u, err := c.begin(name)
	if err != nil {
		return err
	}
	defer u.release()
	err = u.flush()
	if err == nil {
		_, err = u.seal()
	}
	if err != nil {
		_ = u.abort() // what went wrong before is what counts
	}
	return err
}

func (c *check) lock() bool {
	if c.s.o.LockMode == "" {
		return true
	}
	on, err := c.s.lockEnabled(c.ctx)
	switch {
	case err != nil:
		c.r.Fail("lock", plain(err).Error(), "allow GetBucketObjectLockConfiguration")
	case !on:
		c.r.Fail("lock", snapshot.ErrNoLock.Error(), "make a bucket with object lock, or set no lock mode")
	default:
		c.tryLock()
	}
	return true
}

// tryLock deletes a locked version while it is locked, and after.
func (c *check) tryLock() {
	locking := *c.s
	locking.o.LockFor = checkLock
	if err := locking.Put(c.ctx, c.name+"/locked", c.write); err != nil {
		c.r.Fail("lock", err.Error(), "allow PutObjectRetention")
		return
	}
	info, err := c.s.core.StatObject(c.ctx, c.s.o.Bucket, c.key("locked"), minio.StatObjectOptions{})
	if err != nil || info.VersionID == "" {
		c.r.Fail("lock", fmt.Sprintf("the locked object has no version: %v", err), "make a bucket with object lock")
		return
	}
	until, err := c.s.LockedUntil(c.ctx, c.name+"/locked")
	if err != nil || until.IsZero() {
		c.r.Fail("lock", fmt.Sprintf("the object is not locked: %v", err), "allow GetObjectRetention")
		return
	}
	early := c.removeVersion("locked", info.VersionID)
	if early == nil {
		c.r.Fail("lock", "a locked object was deleted", "do not rely on this server's locks")
		return
	}
	if err := pause(c.ctx, time.Until(until)+time.Second); err != nil {
		c.r.Fail("lock", err.Error(), "")
		return
	}
	c.r.OK("lock", fmt.Sprintf("%s; delete of a locked version: %v", c.s.o.LockMode, plain(early)))
}

func (c *check) removeVersion(name, version string) error {
	return c.s.core.RemoveObject(c.ctx, c.s.o.Bucket, c.key(name), minio.RemoveObjectOptions{VersionID: version})
}

// clean removes all versions of what was stored, also when ctx is done.
func (c *check) clean() {
	if !c.wrote {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), abortTimeout)
	defer cancel()
	var left error
	for v := range c.s.core.ListObjectsIter(ctx, c.s.o.Bucket, minio.ListObjectsOptions{Prefix: c.key(""), Recursive: true, WithVersions: true}) {
		if v.Err != nil {
			left = v.Err
			break
		}
		if err := c.s.core.RemoveObject(ctx, c.s.o.Bucket, v.Key, minio.RemoveObjectOptions{VersionID: v.VersionID}); err != nil {
			left = err
		}
	}
	if left != nil {
		c.r.Warn("clean up", fmt.Sprintf("objects or versions below %s stay: %v", c.name, plain(left)), "allow ListBucketVersions and DeleteObjectVersion, or remove them")
	}
}
