package snapshot

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
)

// deposit is one snapshot on its way into a store.
type deposit struct {
	store    Store
	m        *Manifest
	to       *Recipients
	signer   string
	progress func(step string)
}

// put seals the archive that fill writes into the store, reads it back, and
// writes the manifest last. If it fails it removes what it stored, also after a
// Put that failed: the store may have it all the same. An object of one of its
// names that was there before stays.
func (d *deposit) put(ctx context.Context, fill func(io.Writer) error) error {
	d.progress("seal and store " + string(d.m.Name))
	sent, err := d.send(ctx, fill)
	if errors.Is(err, ErrExist) {
		return err
	}
	if err == nil {
		d.progress("read back")
		err = d.confirm(ctx, sent)
	}
	if err == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	if !errors.Is(err, ErrExist) {
		err = errors.Join(err, d.store.Delete(ctx, d.m.Name.Manifest()))
	}
	return errors.Join(err, d.store.Delete(ctx, d.m.Name.Archive()))
}

// send puts the archive, completes the manifest and returns the echo to expect.
func (d *deposit) send(ctx context.Context, fill func(io.Writer) error) (*echo, error) {
	written, sent := newDigest(), newEcho()
	err := d.store.Put(ctx, d.m.Name.Archive(), func(w io.Writer) error {
		return seal(io.MultiWriter(w, written, sent), d.to, fill)
	})
	if err == nil {
		err = sealedTo(written, d.to)
	}
	if err != nil {
		return nil, storeError(d.store, err)
	}
	d.m.SealedSize, d.m.SealedSHA256 = written.size, written.sum()
	return sent, nil
}

// confirm reads the archive back and puts the manifest.
func (d *deposit) confirm(ctx context.Context, sent *echo) error {
	if err := sent.heard(ctx, d.store, d.m.Name.Archive()); err != nil {
		return storeError(d.store, err)
	}
	signed, err := SignManifest(d.m, d.signer)
	if err != nil {
		return err
	}
	return putManifest(ctx, d.store, d.m.Name.Manifest(), signed)
}

func putManifest(ctx context.Context, s Store, name string, signed []byte) error {
	sent := newEcho()
	err := s.Put(ctx, name, func(w io.Writer) error {
		_, err := io.MultiWriter(w, sent).Write(signed)
		return err
	})
	if err == nil {
		err = sent.heard(ctx, s, name)
	}
	if err != nil {
		return storeError(s, err)
	}
	return nil
}

// echo tells whether a store gives back what it was given: both are hashed with
// a seed that nobody else knows. It is faster than SHA-256 by far.
type echo struct {
	hash maphash.Hash
	size int64
	head []byte
}

func newEcho() *echo { return &echo{} }

func (e *echo) Write(p []byte) (int, error) {
	e.size += int64(len(p))
	e.head = append(e.head, p[:min(len(p), len(ageMagic)-len(e.head))]...)
	return e.hash.Write(p)
}

func (e *echo) sealed() bool { return string(e.head) == ageMagic }

// heard reads the object and compares: ErrReadBack if it is another,
// ErrNotSealed if what should be an age file is none.
func (e *echo) heard(ctx context.Context, s Store, name string) error {
	r, err := s.Get(ctx, name)
	if err != nil {
		return err
	}
	back := newEcho()
	back.hash.SetSeed(e.hash.Seed())
	_, err = io.CopyBuffer(back, r, make([]byte, copyBuffer))
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	if e.sealed() && !back.sealed() {
		return ErrNotSealed
	}
	if back.size != e.size || back.hash.Sum64() != e.hash.Sum64() {
		return ErrReadBack
	}
	return nil
}

func hashObject(ctx context.Context, s Store, name string) (*digest, error) {
	r, err := s.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	d := newDigest()
	_, err = io.CopyBuffer(d, r, make([]byte, copyBuffer))
	return d, errors.Join(err, r.Close())
}

func storeError(s Store, err error) error {
	return fmt.Errorf("%w %s: %w", ErrStore, s.URL(), err)
}
