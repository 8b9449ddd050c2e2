package snapshot

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

var (
	// ErrChanged is returned by Stage when a raft snapshot, a log collection or
	// a key rotation ran during the copy: the copy is of no single moment.
	ErrChanged = errors.New("the directory changed during the copy")
	// ErrNotManager is returned by Stage and Backup for a directory without a
	// node key and a raft log: no swarm directory, or a worker's.
	ErrNotManager = errors.New("not the swarm directory of a manager")
)

const nodeKeyPath = "certificates/swarm-node.key"

// StageClosed copies what a running engine does not write to any more: raft
// snapshots, and all WAL segments but the last. A Stage that is given the
// result copies only the rest. What vanishes meanwhile is passed over.
func StageClosed(ctx context.Context, dir string, dst io.Writer) (*Staged, error) {
	names, err := listDir(dir, Hot)
	if err != nil {
		return nil, err
	}
	s := &Staged{nodes: map[string]stagedNode{}}
	for _, name := range closed(names) {
		if err := s.copy(ctx, dir, name, dst); err != nil && !errors.Is(err, ErrChanged) {
			return nil, err
		}
	}
	return s, nil
}

// closed picks the names of files that are complete. Segments sort by age.
func closed(names []string) []string {
	var snaps, segments []string
	for _, name := range names {
		switch path.Ext(name) {
		case ".snap":
			snaps = append(snaps, name)
		case ".wal":
			segments = append(segments, name)
		}
	}
	return append(snaps, segments[:max(0, len(segments)-1)]...)
}

// Stage copies the swarm directory dir to dst, in the order that keeps a copy
// of a running manager whole: the node key, raft snapshots, WAL segments, the
// rest; then it compares key and names again (ErrChanged). Files that closed
// holds, if it is not nil, and that are still the same are not copied again;
// dst then goes on where that copy ended.
//
// It leaves out what no manager needs: preallocated and broken WAL files
// (*.tmp, *.broken), sockets, and in hot mode worker/, a database that cannot
// be copied while it is open. Of a WAL segment it leaves out the zeros at its
// end; the engine allocates them anew.
//
// Beside ErrChanged and ErrNotManager, the errors are those of the file system,
// of dst and of ctx.
func Stage(ctx context.Context, dir string, mode Mode, dst io.Writer, closed *Staged) (*Staged, error) {
	before, err := listDir(dir, mode)
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(filepath.Join(dir, nodeKeyPath))
	if err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	s := &Staged{names: before, nodes: map[string]stagedNode{}}
	if closed != nil {
		s.size = closed.size
	}
	for _, name := range before {
		if s.take(closed, dir, name) {
			continue
		}
		if err := s.copy(ctx, dir, name, dst); err != nil {
			return nil, err
		}
	}
	return s, unchanged(dir, mode, before, key)
}

func unchanged(dir string, mode Mode, before []string, key []byte) error {
	after, err := listDir(dir, mode)
	if err != nil {
		return err
	}
	keyNow, err := os.ReadFile(filepath.Join(dir, nodeKeyPath))
	if err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	if !slices.Equal(before, after) || !bytes.Equal(key, keyNow) {
		return ErrChanged
	}
	return nil
}

// listDir lists directories before their files, and files in the order they
// are copied in.
func listDir(dir string, mode Mode) ([]string, error) {
	ranks := map[string]int{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name != ".":
			return nil
		case err != nil:
			return err
		case d.IsDir() && (leftOut(name) || mode == Hot && name == "worker"):
			return fs.SkipDir
		case d.IsDir() || d.Type().IsRegular() && !leftOut(name):
			ranks[name] = rank(name, d)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read swarm directory: %w", err)
	}
	for _, needed := range []string{nodeKeyPath, "raft"} {
		if _, ok := ranks[needed]; !ok {
			return nil, fmt.Errorf("%s: no %s: %w", dir, needed, ErrNotManager)
		}
	}
	return slices.SortedFunc(maps.Keys(ranks), func(a, b string) int {
		return cmp.Or(cmp.Compare(ranks[a], ranks[b]), strings.Compare(a, b))
	}), nil
}

func leftOut(name string) bool {
	return strings.HasSuffix(name, ".tmp") || strings.HasSuffix(name, ".broken")
}

// rank orders directories, the node key, raft snapshots, WAL segments, the rest.
func rank(name string, d fs.DirEntry) int {
	switch {
	case d.IsDir():
		return 0
	case name == nodeKeyPath:
		return 1
	case strings.HasSuffix(name, ".snap"):
		return 2
	case strings.HasSuffix(name, ".wal"):
		return 3
	}
	return 4
}

// zeroBlock is the granularity at which the end of the data in a WAL segment is
// sought. One block more than needed is kept: a record may end in zeros.
const zeroBlock = 4096

// dataEnd finds where the zeros of a preallocated segment begin. It asks the
// file system for holes first, so that it reads little. It leaves f at its
// start.
func dataEnd(f *os.File, size int64) (int64, error) {
	end := lastData(f, size)
	block := make([]byte, 64*zeroBlock)
	for end > 0 {
		start := max(0, end-int64(len(block)))
		n, err := f.ReadAt(block[:end-start], start)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if used := len(bytes.TrimRight(block[:n], "\x00")); used > 0 {
			end = start + int64(used)
			break
		}
		end = start
	}
	end = min(size, (end/zeroBlock+2)*zeroBlock)
	_, err := f.Seek(0, io.SeekStart)
	return end, err
}

// lastData is the end of the last extent that is not a hole, or size where the
// file system does not tell.
func lastData(f *os.File, size int64) int64 {
	end := int64(0)
	for {
		data, err := unix.Seek(int(f.Fd()), end, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return end
		}
		if err != nil {
			return size
		}
		if end, err = unix.Seek(int(f.Fd()), data, unix.SEEK_HOLE); err != nil {
			return size
		}
	}
}
