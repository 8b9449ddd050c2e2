package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Scratch opens a file in dir that has no name: the kernel frees it when the
// process ends, however it ends, so that no plaintext can stay behind.
// Where the file system has no O_TMPFILE (NFS, SMB, FUSE), the file is created
// and unlinked at once.
func Scratch(dir string) (*os.File, error) {
	f, err := unnamed(dir)
	if errors.Is(err, errNoUnnamed) {
		f, err = unlinked(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("create scratch file in %s: %w", dir, err)
	}
	return f, nil
}

func unlinked(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, Partial+"*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

var errNoUnnamed = errors.New("no O_TMPFILE on this file system")

// unnamed opens a file without a name. EISDIR is the answer of kernels that do
// not know O_TMPFILE (open(2)).
func unnamed(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) {
		return nil, errNoUnnamed
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), filepath.Join(dir, "(unnamed)")), nil
}

// Free is the room left in the file system of dir for this user, in bytes.
func Free(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("statfs %s: %w", dir, err)
	}
	return st.Bavail * uint64(st.Bsize), nil
}
