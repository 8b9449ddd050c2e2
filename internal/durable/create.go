package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Partial begins the names of files that CreateFile has not completed. They
// are seen on file systems without O_TMPFILE alone; whoever lists a directory
// passes them over.
const Partial = ".partial-"

// CreateFile writes a new file and never replaces one: fs.ErrExist is in the
// error's tree when path is taken. Of several writers at once one wins. Until
// it is complete the file has no name, so that a killed writer leaves nothing:
//
//	open(dir, O_TMPFILE), write…, fsync, linkat(path), fsync(dir)
//
// On a file system without O_TMPFILE (NFS, SMB, FUSE) its name begins with
// Partial until it is complete, and a killed writer leaves that.
func CreateFile(path string, perm fs.FileMode, fill func(io.Writer) error) error {
	f, err := unnamed(filepath.Dir(path))
	if errors.Is(err, errNoUnnamed) {
		return createNamed(path, perm, fill)
	}
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	defer f.Close()
	if err := complete(f, perm, fill); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	name := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	if err := unix.Linkat(unix.AT_FDCWD, name, unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return SyncDir(filepath.Dir(path))
}

// createNamed gives the file its name by a link, or by a rename that replaces
// nothing where there are no links (SMB).
func createNamed(path string, perm fs.FileMode, fill func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), Partial+"*")
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, ignoreMissing(os.Remove(f.Name()))) }()
	defer f.Close()
	if err := complete(f, perm, fill); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	err = os.Link(f.Name(), path)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EOPNOTSUPP) {
		err = renameNoReplace(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return SyncDir(filepath.Dir(path))
}

func complete(f *os.File, perm fs.FileMode, fill func(io.Writer) error) error {
	if err := fill(&eager{file: f}); err != nil {
		return err
	}
	return errors.Join(f.Chmod(perm), f.Sync())
}

// eagerBytes is how much is written before the disk is told.
const eagerBytes = 8 << 20

// eager has the disk write what a large file holds while the rest of it is
// made, so that the last sync has little left to do.
type eager struct {
	file          *os.File
	written, told int64
}

func (e *eager) Write(p []byte) (int, error) {
	n, err := e.file.Write(p)
	e.written += int64(n)
	if e.written-e.told >= eagerBytes {
		// Only a hint: the sync at the end tells of errors.
		_ = unix.SyncFileRange(int(e.file.Fd()), e.told, e.written-e.told, unix.SYNC_FILE_RANGE_WRITE)
		e.told = e.written
	}
	return n, err
}
