package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// Lock implements snapshot.Locker, in the mode of Options.LockMode.
func (s *Store) Lock(ctx context.Context, name string, until time.Time) error {
	key, err := s.key(name)
	if err != nil {
		return err
	}
	if s.o.LockMode == "" {
		return fmt.Errorf("lock %s: no lock mode is set", name)
	}
	if err := s.lock(ctx, key, until); err != nil {
		return fmt.Errorf("lock %s: %w", name, plain(err))
	}
	return nil
}

// lock asks for the lock that holds first: in governance mode some servers let
// those with the right to it shorten a lock without being told to. It asks
// again after: a server that knows no locks may take the request for a put of
// something else, or for nothing.
func (s *Store) lock(ctx context.Context, key string, until time.Time) error {
	until = until.UTC().Truncate(time.Second)
	now, _, err := s.locked(ctx, key)
	switch {
	case missing(err):
		return snapshot.ErrNotExist
	case err != nil:
		return err
	case until.Equal(now):
		return nil
	case until.Before(now):
		return fmt.Errorf("%w until %s", snapshot.ErrLocked, now.Format(time.RFC3339))
	}
	if err := s.canLock(ctx); err != nil {
		return err
	}
	mode := lockModes[s.o.LockMode]
	err = s.core.PutObjectRetention(ctx, s.o.Bucket, key, minio.PutObjectRetentionOptions{Mode: &mode, RetainUntilDate: &until})
	if noLock(err) {
		return fmt.Errorf("%w: %v", snapshot.ErrNoLock, plain(err))
	}
	if err == nil {
		now, _, err = s.locked(ctx, key)
	}
	if err == nil && !now.Equal(until) {
		return fmt.Errorf("%w: the server took the lock and does not show it", snapshot.ErrNoLock)
	}
	return err
}

// canLock says why the bucket does not lock. Who may not ask will see.
func (s *Store) canLock(ctx context.Context) error {
	on, err := s.lockEnabled(ctx)
	if status(err) == http.StatusForbidden {
		return nil
	}
	if err == nil && !on {
		return snapshot.ErrNoLock
	}
	return err
}

// lockEnabled asks until the answer is yes: object lock cannot be switched off.
func (s *Store) lockEnabled(ctx context.Context) (bool, error) {
	if s.locks.Load() {
		return true, nil
	}
	enabled, _, _, _, err := s.core.GetObjectLockConfig(ctx, s.o.Bucket)
	var otherAnswer xml.UnmarshalError // of a server that does not know the question
	if noLock(err) || missing(err) || status(err) == http.StatusNotImplemented || errors.As(err, &otherAnswer) {
		return false, nil
	}
	s.locks.Store(enabled == "Enabled")
	return enabled == "Enabled", err
}

// noLock knows the answer for a bucket that was made without object lock: AWS
// and MinIO say InvalidRequest and name the missing configuration.
func noLock(err error) bool {
	switch code(err) {
	case "ObjectLockConfigurationNotFoundError", "InvalidBucketObjectLockConfiguration":
		return true
	case "InvalidRequest":
		return strings.Contains(strings.ToLower(err.Error()), "lock")
	}
	return false
}

// LockedUntil implements snapshot.Locker. It reads the headers of the object:
// not every server answers the request for the retention in a form that can be
// read.
func (s *Store) LockedUntil(ctx context.Context, name string) (time.Time, error) {
	key, err := s.key(name)
	if err != nil {
		return time.Time{}, err
	}
	until, _, err := s.locked(ctx, key)
	if missing(err) {
		err = snapshot.ErrNotExist
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("lock of %s: %w", name, plain(err))
	}
	return until, nil
}

// locked returns until when an object is locked, and why it cannot be deleted
// now; "" when it can.
func (s *Store) locked(ctx context.Context, key string) (until time.Time, held string, err error) {
	info, err := s.core.StatObject(ctx, s.o.Bucket, key, minio.StatObjectOptions{})
	if err != nil {
		return time.Time{}, "", err
	}
	if text := info.Metadata.Get("X-Amz-Object-Lock-Retain-Until-Date"); text != "" {
		until, err = time.Parse(time.RFC3339, text)
		if err != nil {
			return time.Time{}, "", fmt.Errorf("malformed lock %q", text)
		}
	}
	switch {
	case time.Now().Before(until):
		held = "until " + until.Format(time.RFC3339)
	case info.Metadata.Get("X-Amz-Object-Lock-Legal-Hold") == "ON":
		held = "by a legal hold"
	}
	return until, held, nil
}

// refusedByLock takes 403 (AWS) and 400 (MinIO) alike. 403 is also the answer
// to those who may not delete at all.
func refusedByLock(err error, until time.Time) bool {
	switch status(err) {
	case http.StatusForbidden, http.StatusBadRequest:
	default:
		return false
	}
	text := strings.ToLower(err.Error())
	return time.Now().Before(until) || strings.Contains(text, "worm") || strings.Contains(text, "object lock") || code(err) == "ObjectLocked"
}
