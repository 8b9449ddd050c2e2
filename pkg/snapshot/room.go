package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/swarmdr/swarmdr/internal/durable"
	"golang.org/x/sys/unix"
)

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
