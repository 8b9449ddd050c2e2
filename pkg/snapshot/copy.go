package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// Copy stores the snapshot name of from in to as well, as Backup stores it:
// archive, read back, manifest. What is in to already is compared, not written
// again, so that Copy goes on where one that failed has stopped.
//
// ErrDigest says that the archive in from or in to is not the one that the
// manifest describes, ErrExist that to has another manifest of that name. The
// other errors are those of Load and of the stores.
func Copy(ctx context.Context, from, to Store, name Name, trusted []string) error {
	signed, err := readManifest(ctx, from, name)
	if err != nil {
		return err
	}
	m, _, err := openNamed(name, signed, trusted)
	if err != nil {
		return err
	}
	if err := copyArchive(ctx, from, to, m); err != nil {
		return err
	}
	err = putManifest(ctx, to, name.Manifest(), signed)
	if !errors.Is(err, ErrExist) {
		return err
	}
	there, err := readManifest(ctx, to, name)
	if err == nil && !bytes.Equal(there, signed) {
		err = storeError(to, fmt.Errorf("%s is another: %w", name.Manifest(), ErrExist))
	}
	return err
}

// copyArchive removes what it stored when it reads back otherwise, and nothing
// that was there before.
func copyArchive(ctx context.Context, from, to Store, m *Manifest) error {
	err := to.Put(ctx, m.Name.Archive(), func(w io.Writer) error { return passOn(ctx, from, m, w) })
	if errors.Is(err, ErrExist) {
		return Check(ctx, to, m)
	}
	if err != nil {
		return storeError(to, err)
	}
	if err := Check(ctx, to, m); err != nil {
		return errors.Join(err, to.Delete(context.WithoutCancel(ctx), m.Name.Archive()))
	}
	return nil
}

// passOn fails after the last byte if they were not those of m.
func passOn(ctx context.Context, from Store, m *Manifest, w io.Writer) error {
	r, err := from.Get(ctx, m.Name.Archive())
	if err != nil {
		return storeError(from, err)
	}
	defer r.Close()
	passed := newDigest()
	if _, err := io.CopyBuffer(io.MultiWriter(w, passed), r, make([]byte, copyBuffer)); err != nil {
		return err
	}
	return sameDigest(m, passed)
}
