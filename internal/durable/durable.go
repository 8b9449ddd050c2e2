// Package durable is the only code of swarmdr that syncs, renames and locks
// files. What it says is done survives a power cut: data is synced before the
// rename that shows it, and the directory after.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// WriteFile replaces path with data:
//
//	open(dir/.path.*), write, fsync, rename(path), fsync(dir)
func WriteFile(path string, data []byte, perm fs.FileMode) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("create file in %s: %w", dir, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreMissing(os.Remove(f.Name())))
		}
	}()
	_, err = f.Write(data)
	if err := finish(f, perm, err); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return SyncDir(dir)
}

func finish(f *os.File, perm fs.FileMode, err error) error {
	if err == nil {
		err = errors.Join(f.Chmod(perm), f.Sync())
	}
	return errors.Join(err, f.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func renameNoReplace(from, to string) error {
	return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
}

// Exchange swaps two paths of one directory in one step, so that at no moment
// either is missing: renameat2(EXCHANGE), fsync(dir).
func Exchange(a, b string) error {
	if filepath.Dir(a) != filepath.Dir(b) {
		return fmt.Errorf("exchange %s and %s: not in one directory", a, b)
	}
	if err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE); err != nil {
		return fmt.Errorf("exchange %s and %s: %w", a, b, err)
	}
	return SyncDir(filepath.Dir(a))
}

// Rename moves from to a name that must be free, in the same directory.
func Rename(from, to string) error {
	if err := renameNoReplace(from, to); err != nil {
		return fmt.Errorf("rename %s to %s: %w", from, to, err)
	}
	return SyncDir(filepath.Dir(to))
}

// RemoveFile removes a file, never a directory; a missing one is no error.
func RemoveFile(path string) error {
	if err := unix.Unlink(path); err != nil {
		return ignoreMissing(&fs.PathError{Op: "remove", Path: path, Err: err})
	}
	return SyncDir(filepath.Dir(path))
}

// Remove removes a file or a whole directory; a missing one is no error.
func Remove(path string) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	return ignoreMissing(SyncDir(filepath.Dir(path)))
}

// MkdirAll makes path and its missing parents with mode 0700 and syncs each.
func MkdirAll(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := MkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir makes the names in dir durable.
func SyncDir(dir string) error { return syncPath(dir) }

// SyncTree makes all files and directories below and including root durable.
func SyncTree(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() && !d.Type().IsRegular() {
			return nil
		}
		return syncPath(path)
	})
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", path, err)
	}
	return nil
}
