package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

const (
	// AWS refuses requests that are 15 minutes off.
	maxSkew = 5 * time.Minute
	// checkLock is how long the object is locked that tries the lock out.
	checkLock = 3 * time.Second
)

// Check implements snapshot.Checker. With LockMode set it locks an object for
// three seconds and waits for the end of that. It needs the right to delete
// versions to leave nothing behind in a versioned bucket.
func (s *Store) Check(ctx context.Context) snapshot.Report {
	unlocked := *s
	unlocked.o.LockFor = 0
	c := &check{s: s, unlocked: &unlocked, ctx: ctx, name: "check-" + rand.Text(), data: []byte(rand.Text())}
	for _, step := range []func() bool{
		c.reach, c.clock, c.versioning, c.object, c.checksum, c.multipart, c.putAgain, c.multipartAgain, c.readRange, c.lock,
	} {
		if !step() {
			break
		}
	}
	c.clean()
	return c.r
}

// check is one run. Its steps return false when there is no use in going on.
type check struct {
	s        *Store
	unlocked *Store // that does not lock new objects
	ctx      context.Context
	name     string
	data     []byte
	wrote    bool
	r        snapshot.Report
}

func (c *check) reach() bool {
	if err := c.s.reach(c.ctx); err != nil {
		c.r.Fail("reach", plain(err).Error(), "see that the endpoint, the bucket and the credentials are right, and that they may list it")
		if skew, ok := c.s.clock.skew(); ok && skew.Abs() > maxSkew {
			c.clock() // that is why
		}
		return false
	}
	c.r.OK("reach", "the bucket can be listed")
	return true
}

func (c *check) clock() bool {
	skew, ok := c.s.clock.skew()
	switch {
	case !ok:
		c.r.Warn("clock", "the server does not tell its time", "see that this machine's clock is set by NTP")
	case skew.Abs() > maxSkew:
		c.r.Fail("clock", fmt.Sprintf("the server's clock is %v ahead", skew), "set the clocks by NTP: S3 refuses requests that are 15 minutes off")
	default:
		c.r.OK("clock", fmt.Sprintf("the server's clock is %v ahead", skew))
	}
	return true
}

func (c *check) versioning() bool {
	v, err := c.s.core.GetBucketVersioning(c.ctx, c.s.o.Bucket)
	switch {
	case err != nil:
		c.r.Warn("versioning", plain(err).Error(), "allow GetBucketVersioning")
	case v.Status == "":
		c.r.OK("versioning", "off")
	default:
		c.r.OK("versioning", v.Status+"; what is deleted stays until a lifecycle rule for noncurrent versions removes it")
	}
	return true
}

// object tries the store as any other. A server that takes no checksums takes
// no object either.
func (c *check) object() bool {
	c.wrote = true
	tried := snapshot.Probe(c.ctx, c.unlocked, c.name+"/one")
	c.r = append(c.r, tried...)
	if len(tried) > 1 {
		return true
	}
	bare := *c.unlocked
	bare.o.Checksum = "none"
	if c.s.checksums() && bare.Put(c.ctx, c.name+"/bare", c.write) == nil {
		c.r.Fail("checksum", "an object without a SHA-256 was taken", "set the store's checksum to none")
	}
	return false
}

func (c *check) write(w io.Writer) error {
	_, err := w.Write(c.data)
	return err
}

func (c *check) readRange() bool {
	var got []byte
	r, err := c.unlocked.GetRange(c.ctx, c.name+"/parts", 2, 4)
	if err == nil {
		got, err = io.ReadAll(io.LimitReader(r, 5))
		err = errors.Join(err, r.Close())
	}
	switch {
	case err != nil:
		c.r.Fail("range read", err.Error(), "allow GetObject")
	case !bytes.Equal(got, c.data[2:6]):
		c.r.Fail("range read", fmt.Sprintf("asked for 4 bytes, got %d others", len(got)), "do not trust this server")
	default:
		c.r.OK("range read", "the bytes that were asked for came back")
	}
	return true
}

func (c *check) key(name string) string { return c.s.root() + c.name + "/" + name }
