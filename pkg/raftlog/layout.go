package raftlog

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

const (
	raftDir = "raft"
	walDir  = "raft/wal-v3-encrypted"
	snapDir = "raft/snap-v3-encrypted"
)

// numbered is a file named by two numbers in hexadecimal: a segment by its
// sequence and first index, a raft snapshot by its term and index.
type numbered struct {
	path string
	a, b uint64
}

// oldDirs lists directories of log formats that keep objects in clear, or
// that no supported engine reads (manager/state/raft/storage/storage.go).
func oldDirs() []string {
	return []string{"raft/wal-v3", "raft/snap-v3", "raft/wal", "raft/snap"}
}

func checkLayout(fsys fs.FS) error {
	if exists(fsys, walDir) {
		return nil
	}
	if len(leftovers(fsys)) > 0 {
		return ErrOldLayout
	}
	if exists(fsys, "certificates") {
		return ErrWorkerDir
	}
	return ErrNotSwarmDir
}

func leftovers(fsys fs.FS) []string {
	var found []string
	for _, dir := range oldDirs() {
		if exists(fsys, dir) {
			found = append(found, dir)
		}
	}
	return found
}

func exists(fsys fs.FS, name string) bool {
	_, err := fs.Stat(fsys, name)
	return err == nil
}

// list returns the files of dir with the suffix, in the order of their names;
// none where the directory does not exist.
func list(fsys fs.FS, dir, suffix string) ([]numbered, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	var files []numbered
	for _, entry := range entries {
		if f, ok := parseName(entry.Name(), suffix); ok {
			f.path = path.Join(dir, entry.Name())
			files = append(files, f)
		}
	}
	return files, nil
}

func parseName(name, suffix string) (numbered, bool) {
	base, ok := strings.CutSuffix(name, suffix)
	if !ok || len(base) != 33 || base[16] != '-' {
		return numbered{}, false
	}
	a, errA := strconv.ParseUint(base[:16], 16, 64)
	b, errB := strconv.ParseUint(base[17:], 16, 64)
	return numbered{a: a, b: b}, errA == nil && errB == nil
}
