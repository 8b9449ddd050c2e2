package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"strconv"

	"github.com/minio/minio-go/v7"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

const (
	maxParts   = 10000 // of S3
	smallParts = 1000  // after these a part has twice the size
	// smallObject is what grows by and by; what is larger gets room for a part.
	smallObject = 256 << 10
)

// upload is the writer of one Put. Parts are cut at the same bytes each time,
// so that another Put of the same bytes finds the parts of a former one.
type upload struct {
	s       *Store
	ctx     context.Context
	key     string
	token   string
	buf     []byte                   // of the part that is being filled
	size    int64                    // of all that was written
	all     hash.Hash                // SHA-256 of all parts, for ours
	id      string                   // "" before the second part begins
	resumed bool                     // the upload was begun by a former Put
	stored  map[int]minio.ObjectPart // by a former Put
	parts   []minio.CompletePart
	err     error // of the server or ctx, not of fill; plain
}

// Write sends a part when it is full and more is to come.
func (u *upload) Write(p []byte) (int, error) {
	if u.err == nil {
		u.err = u.ctx.Err()
	}
	for n := 0; u.err == nil; {
		room := u.s.partSize(len(u.parts)+1) - len(u.buf)
		if n == len(p) {
			u.size += int64(n)
			return n, nil
		}
		if room == 0 {
			u.err = plain(u.flush())
			continue
		}
		take := min(room, len(p)-n)
		u.grow(take)
		u.buf = append(u.buf, p[n:n+take]...)
		n += take
	}
	return 0, u.err
}

// grow makes room for a whole part as soon as the object is not small: what
// append leaves behind would be as large again.
func (u *upload) grow(n int) {
	size := u.s.partSize(len(u.parts) + 1)
	if len(u.buf)+n > smallObject && cap(u.buf) < size {
		u.buf = append(make([]byte, 0, size), u.buf...)
	}
}

// partSize is the size of part n, in bytes; n counts from 1.
func (s *Store) partSize(n int) int { return sizeOfPart(n, s.o.PartSize) }

func sizeOfPart(n, first int) int {
	if n > smallParts {
		return 2 * first
	}
	return first
}

// flush stores the part in the buffer, unless it is stored already.
func (u *upload) flush() error {
	n := len(u.parts) + 1
	if n > maxParts {
		return fmt.Errorf("object is larger than %d bytes: it needs larger parts", u.size)
	}
	if u.id == "" {
		if err := u.begin(); err != nil {
			return err
		}
	}
	u.all.Write(u.buf)
	sum := sha256.Sum256(u.buf)
	part, ok := u.stored[n]
	if !ok || !u.same(part, sum) {
		var err error
		if part, err = u.put(n, sum); err != nil {
			return u.ended(err)
		}
	}
	done := minio.CompletePart{PartNumber: n, ETag: part.ETag}
	if u.s.checksums() {
		done.ChecksumSHA256 = base64.StdEncoding.EncodeToString(sum[:])
	}
	u.parts, u.buf = append(u.parts, done), u.buf[:0]
	return nil
}

// ended is ErrExist when the upload is gone because another host, which took it
// up, completed it.
func (u *upload) ended(err error) error {
	if missing(err) && errors.Is(u.mustBeFree(), snapshot.ErrExist) {
		return snapshot.ErrExist
	}
	return err
}

// same compares a stored part with the buffer by the SHA-256 that the server
// kept or, if it kept none, by the ETag, which is an MD5 if it is known at all.
func (u *upload) same(part minio.ObjectPart, sum [sha256.Size]byte) bool {
	if part.Size != int64(len(u.buf)) {
		return false
	}
	if part.ChecksumSHA256 != "" {
		return part.ChecksumSHA256 == base64.StdEncoding.EncodeToString(sum[:])
	}
	etag := md5.Sum(u.buf)
	return part.ETag == hex.EncodeToString(etag[:])
}

func (u *upload) put(n int, sum [sha256.Size]byte) (minio.ObjectPart, error) {
	header := map[string]string{}
	u.s.addChecksum(header, sum[:])
	o := minio.PutObjectPartOptions{
		Sha256Hex: hex.EncodeToString(sum[:]), Md5Base64: u.s.md5(u.buf),
		DisableContentSha256: true, CustomHeader: http.Header{},
	}
	for k, v := range header {
		o.CustomHeader.Set(k, v)
	}
	return u.s.core.PutObjectPart(u.ctx, u.s.o.Bucket, u.key, u.id, n, bytes.NewReader(u.buf), int64(len(u.buf)), o)
}

// begin finds the upload of a former Put, or begins one. Of the Puts of this
// store one does so at a time: an upload that was just begun is nobody's yet.
func (u *upload) begin() error {
	u.s.begin.Lock()
	defer u.s.begin.Unlock()
	if err := u.mustBeFree(); err != nil {
		return err
	}
	if err := u.resume(); err != nil || u.resumed {
		return err
	}
	return u.create()
}

func (u *upload) create() error {
	o := u.s.putOptions(u.token)
	o.UserMetadata[partKey] = strconv.Itoa(u.s.o.PartSize)
	if u.s.checksums() {
		o.UserMetadata["X-Amz-Checksum-Algorithm"] = "SHA256"
	}
	id, err := u.s.core.NewMultipartUpload(u.ctx, u.s.o.Bucket, u.key, o)
	if err != nil {
		return err
	}
	u.id = id
	u.s.active.Store(id, true)
	return nil
}

// mustBeFree spares the upload of what would be refused at its end, and stands
// in for the refusal where the server knows none.
func (u *upload) mustBeFree() error {
	_, err := u.s.core.StatObject(u.ctx, u.s.o.Bucket, u.key, minio.StatObjectOptions{})
	if err == nil {
		return snapshot.ErrExist
	}
	if missing(err) {
		return nil
	}
	return err
}
