package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/swarmdr/swarmdr/internal/durable"
	"golang.org/x/sys/unix"
)

// publish seals the staged archive into the store, reads it back, and writes
// the manifest last. If it fails it removes what it stored, also after a Put
// that failed: the store may have it all the same. An object of that name that
// was there before stays.
func publish(ctx context.Context, o BackupOptions, m *Manifest, scratch *os.File) error {
	o.Progress("seal and store " + string(m.Name))
	written, err := putArchive(ctx, o, m.Name.Archive(), scratch)
	if errors.Is(err, ErrExist) {
		return err
	}
	if err == nil {
		o.Progress("read back")
		err = confirm(ctx, o, m, written)
	}
	if err == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	return errors.Join(err, o.Store.Delete(ctx, m.Name.Manifest()), o.Store.Delete(ctx, m.Name.Archive()))
}

func putArchive(ctx context.Context, o BackupOptions, name string, scratch *os.File) (*digest, error) {
	written := newDigest()
	err := o.Store.Put(ctx, name, func(w io.Writer) error {
		if _, err := scratch.Seek(0, io.SeekStart); err != nil {
			return err
		}
		return seal(io.MultiWriter(w, written), o.Recipients, scratch)
	})
	if err != nil {
		return nil, storeError(o.Store, err)
	}
	return written, nil
}

// confirm reads the archive back and puts the manifest.
func confirm(ctx context.Context, o BackupOptions, m *Manifest, written *digest) error {
	if err := readBack(ctx, o.Store, m.Name.Archive(), written); err != nil {
		return storeError(o.Store, err)
	}
	m.SealedSize, m.SealedSHA256 = written.size, written.sum()
	signed, err := SignManifest(m, o.Signer)
	if err != nil {
		return err
	}
	return putManifest(ctx, o.Store, m.Name.Manifest(), signed)
}

func putManifest(ctx context.Context, s Store, name string, signed []byte) error {
	written := newDigest()
	err := s.Put(ctx, name, func(w io.Writer) error {
		_, err := io.MultiWriter(w, written).Write(signed)
		return err
	})
	if err != nil {
		return storeError(s, err)
	}
	got, err := hashObject(ctx, s, name)
	if err != nil {
		return storeError(s, err)
	}
	if got.sum() != written.sum() {
		return storeError(s, ErrReadBack)
	}
	return nil
}

func readBack(ctx context.Context, s Store, name string, want *digest) error {
	got, err := hashObject(ctx, s, name)
	if err != nil {
		return err
	}
	if !got.sealed() {
		return ErrNotSealed
	}
	if got.size != want.size || got.sum() != want.sum() {
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
	_, err = io.Copy(d, r)
	return d, errors.Join(err, r.Close())
}

func storeError(s Store, err error) error {
	return fmt.Errorf("%w %s: %w", ErrStore, s.URL(), err)
}

// checkRoom refuses when the copy of dir will not fit. It counts blocks, not
// apparent sizes: WAL segments are preallocated.
func checkRoom(dir string, mode Mode, scratchDir string) error {
	names, err := listDir(dir, mode)
	if err != nil {
		return err
	}
	need := uint64(0)
	for _, name := range names {
		need += dataSize(filepath.Join(dir, name)) + 1024
	}
	free, err := durable.Free(scratchDir)
	if err != nil {
		return err
	}
	if need > free {
		return fmt.Errorf("%s: the copy needs %d KiB and %d are free: %w", scratchDir, need>>10, free>>10, unix.ENOSPC)
	}
	return nil
}

// dataSize is how much of a file Stage will copy, in bytes; 0 for one that is
// gone or no file.
func dataSize(path string) uint64 {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	size := info.Size()
	if filepath.Ext(path) == ".wal" {
		size, err = dataEnd(f, size)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	return uint64(size)
}
