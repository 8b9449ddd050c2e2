package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// conflictTries is how often a put is repeated that the server refused because
// another one of the same name was under way.
const conflictTries = 5

// tokenKey is the metadata by which a Put knows its own object.
const tokenKey = "Swarmdr-Put"

// Put implements snapshot.Store. It holds one part in memory, and two while
// the parts grow. When the connection fails, parts that were stored stay for
// the next Put of that name, and for Clean.
func (s *Store) Put(ctx context.Context, name string, fill func(io.Writer) error) error {
	key, err := s.key(name)
	if err != nil {
		return err
	}
	u := &upload{s: s, ctx: ctx, key: key, token: rand.Text(), all: sha256.New()}
	defer u.release()
	err = fill(u)
	if err == nil {
		err = u.finish()
	}
	if err == nil {
		return nil
	}
	if u.err == nil || errors.Is(err, snapshot.ErrExist) {
		err = errors.Join(err, u.abort())
	}
	return fmt.Errorf("put %s: %w", name, err)
}

// single puts what fits into one part.
func (u *upload) single() error {
	if err := u.mustBeFree(); err != nil {
		return err
	}
	sum := sha256.Sum256(u.buf)
	o := u.s.putOptions(u.token)
	u.s.addChecksum(o.UserMetadata, sum[:])
	o.SetMatchETagExcept("*")
	for try := 1; ; try++ {
		_, err := u.s.core.PutObject(u.ctx, u.s.o.Bucket, u.key, bytes.NewReader(u.buf), int64(len(u.buf)), u.s.md5(u.buf), hex.EncodeToString(sum[:]), o)
		if status(err) == http.StatusConflict && try < conflictTries {
			if err := pause(u.ctx, time.Duration(try)*100*time.Millisecond); err != nil {
				return err
			}
			continue
		}
		if status(err) == http.StatusPreconditionFailed {
			return u.mustBeOurs()
		}
		return err
	}
}

func (s *Store) putOptions(token string) minio.PutObjectOptions {
	o := minio.PutObjectOptions{
		UserMetadata:         map[string]string{tokenKey: token},
		ServerSideEncryption: s.sse,
		StorageClass:         s.o.StorageClass,
		DisableContentSha256: true, // of chunks: the whole body is signed
	}
	if s.o.LockFor > 0 {
		o.Mode = lockModes[s.o.LockMode]
		o.RetainUntilDate = time.Now().Add(s.o.LockFor)
	}
	return o
}

// addChecksum asks the server to compare the body with its SHA-256 and to keep
// that.
func (s *Store) addChecksum(header map[string]string, sum []byte) {
	if s.checksums() {
		header["X-Amz-Checksum-Sha256"] = base64.StdEncoding.EncodeToString(sum)
	}
}

func (s *Store) checksums() bool { return s.o.Checksum != "none" }

// md5 is for servers that take no other checksum: locked objects need one.
func (s *Store) md5(data []byte) string {
	if s.checksums() {
		return ""
	}
	sum := md5.Sum(data)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// mustBeOurs tells a name that was taken from a request that was answered, but
// whose answer was lost.
func (u *upload) mustBeOurs() error {
	ours, err := u.ours("")
	if err == nil && !ours {
		return errors.Join(snapshot.ErrExist, u.onlyMarked())
	}
	return err
}

// onlyMarked explains a refusal for a name that no object has: versitygw takes
// a delete marker for one.
func (u *upload) onlyMarked() error {
	_, err := u.s.core.StatObject(u.ctx, u.s.o.Bucket, u.key, minio.StatObjectOptions{})
	if missing(err) {
		return errors.New("the object was deleted, and the server does not give its name to another")
	}
	return nil
}

// ours says if the object is the one of this Put: it has our token or, after a
// resumed upload that has another one's, the ETag that the server told us or
// our bytes.
func (u *upload) ours(etag string) (bool, error) {
	info, err := u.s.core.StatObject(u.ctx, u.s.o.Bucket, u.key, minio.StatObjectOptions{})
	if missing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	switch {
	case info.Size != u.size:
		return false, nil
	case info.UserMetadata[tokenKey] == u.token:
		return true, nil
	case !u.resumed:
		return false, nil
	case etag != "" && info.ETag == etag:
		return true, nil
	}
	return u.sameBytes()
}

func (u *upload) sameBytes() (bool, error) {
	r, err := u.s.open(u.ctx, u.key, minio.GetObjectOptions{})
	if err != nil {
		return false, err
	}
	stored := sha256.New()
	if _, err := io.Copy(stored, r); err != nil {
		return false, errors.Join(err, r.Close())
	}
	return bytes.Equal(stored.Sum(nil), u.all.Sum(nil)), r.Close()
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
