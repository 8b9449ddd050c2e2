package raftlog

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

const raftDir = "raft"

// layout is where an engine keeps its log, and in what form.
type layout struct {
	wal, snap string
	// clear: records are not wrapped, let alone encrypted. Docker 1.12 did
	// not pad them either (etcd 2.3).
	clear bool
}

// current is the layout of Docker 1.13 and later.
var current = layout{wal: "raft/wal-v3-encrypted", snap: "raft/snap-v3-encrypted"}

// layouts lists all in the order in which the engine prefers them
// (versionedWALSnapDirs in manager/state/raft/storage/storage.go): v3 without
// encryption is that of development builds, the last that of Docker 1.12.
func layouts() []layout {
	return []layout{
		current,
		{wal: "raft/wal-v3", snap: "raft/snap-v3", clear: true},
		{wal: "raft/wal", snap: "raft/snap", clear: true},
	}
}

// numbered is a file named by two numbers in hexadecimal: a segment by its
// sequence and first index, a raft snapshot by its term and index.
type numbered struct {
	path string
	a, b uint64
}

// findLayout returns the layout that the engine would read.
func findLayout(fsys fs.FS) (layout, error) {
	for _, l := range layouts() {
		if exists(fsys, l.wal) {
			return l, nil
		}
	}
	if exists(fsys, "certificates") {
		return layout{}, ErrWorkerDir
	}
	return layout{}, ErrNotSwarmDir
}

// leftovers returns the directories of older formats beside the log. The engine
// leaves them when it migrates (manager/state/raft/storage/walwrap.go); builds
// between 1.12 and 1.13 moved them to wal.* and snap.* when a manager was
// removed.
func leftovers(fsys fs.FS, used layout) ([]string, error) {
	entries, err := fs.ReadDir(fsys, raftDir)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", raftDir, err)
	}
	var found []string
	for _, e := range entries {
		name := path.Join(raftDir, e.Name())
		log := strings.HasPrefix(e.Name(), "wal") || strings.HasPrefix(e.Name(), "snap")
		if e.IsDir() && log && !strings.Contains(name, "encrypted") && name != used.wal && name != used.snap {
			found = append(found, name)
		}
	}
	return found, nil
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
