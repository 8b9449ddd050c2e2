package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

// StaleAfter is how old an unfinished upload is when Ready removes it.
const StaleAfter = 24 * time.Hour

// resume takes up the newest unfinished upload of exactly this name, but none
// of another Put of this store. Who may not list uploads begins anew.
func (u *upload) resume() error {
	var newest minio.ObjectMultipartInfo
	err := u.s.uploads(u.ctx, u.key, func(m minio.ObjectMultipartInfo) error {
		if m.Key == u.key && !m.Initiated.Before(newest.Initiated) {
			newest = m
		}
		return nil
	})
	if refusedList(err) || err == nil && newest.UploadID == "" {
		return nil
	}
	if err != nil {
		return err
	}
	if _, busy := u.s.active.LoadOrStore(newest.UploadID, true); busy {
		return nil
	}
	u.id = newest.UploadID
	u.stored, err = u.s.parts(u.ctx, u.key, u.id)
	if err == nil && u.stored[1].Size == int64(u.s.o.PartSize) {
		u.resumed = true
		return nil
	}
	return u.discard(err)
}

// discard ends an upload that holds nothing of use: no first part, or one of
// another size, which the object's metadata would tell wrongly.
func (u *upload) discard(err error) error {
	if err == nil {
		err = u.abort()
	}
	u.release()
	u.id, u.stored = "", nil
	if missing(err) {
		return nil
	}
	return err
}

func refusedList(err error) bool {
	switch status(err) {
	case http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return false
}

// uploads calls each for the unfinished uploads whose key begins with prefix.
// MinIO tells only those of which prefix is the whole key.
func (s *Store) uploads(ctx context.Context, prefix string, each func(minio.ObjectMultipartInfo) error) error {
	for key, id := "", ""; ; {
		page, err := s.core.ListMultipartUploads(ctx, s.o.Bucket, prefix, key, id, "", 1000)
		if missing(err) {
			return nil // gofakes3's way to say that there are none
		}
		if err != nil {
			return err
		}
		for _, m := range page.Uploads {
			if err := each(m); err != nil {
				return err
			}
		}
		if !page.IsTruncated || page.NextKeyMarker == key && page.NextUploadIDMarker == id {
			return nil
		}
		key, id = page.NextKeyMarker, page.NextUploadIDMarker
	}
}

func (s *Store) parts(ctx context.Context, key, id string) (map[int]minio.ObjectPart, error) {
	parts := map[int]minio.ObjectPart{}
	for after := 0; ; {
		page, err := s.core.ListObjectParts(ctx, s.o.Bucket, key, id, after, 1000)
		if err != nil {
			return nil, err
		}
		for _, p := range page.ObjectParts {
			p.ETag = strings.Trim(p.ETag, `"`)
			parts[p.PartNumber] = p
		}
		if !page.IsTruncated || page.NextPartNumberMarker <= after {
			return parts, nil
		}
		after = page.NextPartNumberMarker
	}
}

// Clean removes the unfinished uploads below the prefix that were begun longer
// ago than that, but none of a Put of this store, and says how many it were.
// MinIO does not tell uploads by a prefix; it removes them itself, after a day.
func (s *Store) Clean(ctx context.Context, olderThan time.Duration) (int, error) {
	n := 0
	before := time.Now().Add(-olderThan)
	err := s.uploads(ctx, s.root(), func(m minio.ObjectMultipartInfo) error {
		_, busy := s.active.Load(m.UploadID)
		if busy || !m.Initiated.Before(before) || !strings.HasPrefix(m.Key, s.root()) {
			return nil
		}
		err := s.core.AbortMultipartUpload(ctx, s.o.Bucket, m.Key, m.UploadID)
		if err != nil && !missing(err) {
			return errors.Join(fmt.Errorf("abort upload of %s", m.Key), plain(err))
		}
		n++
		return nil
	})
	if err != nil {
		return n, fmt.Errorf("clean %s: %w", s.URL(), plain(err))
	}
	return n, nil
}
