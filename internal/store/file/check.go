package file

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"

	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"golang.org/x/sys/unix"
)

// lowSpace is the free space below which Check warns, in bytes.
const lowSpace = 1 << 30

var _ snapshot.Checker = (*Store)(nil)

// Check implements snapshot.Checker. Like Put it creates the directory; what it
// puts is synced as any object is.
func (s *Store) Check(ctx context.Context) snapshot.Report {
	var r snapshot.Report
	if err := s.Ready(ctx); err != nil {
		r.Fail("sync", err.Error(), "see that the directory can be written and its disk is sound")
		return r
	}
	r.OK("sync", "a file and its directory were synced")
	r = append(r, snapshot.Probe(ctx, s, "check-"+rand.Text())...)
	s.checkSpace(&r)
	s.checkMode(&r)
	s.checkMemory(&r)
	return r
}

func (s *Store) checkSpace(r *snapshot.Report) {
	free, err := durable.Free(s.dir)
	seen := fmt.Sprintf("%d MiB are free", free>>20)
	switch {
	case err != nil:
		r.Warn("free space", err.Error(), "look with df")
	case free < lowSpace:
		r.Warn("free space", seen, "make room, or expire snapshots")
	default:
		r.OK("free space", seen)
	}
}

func (s *Store) checkMode(r *snapshot.Report) {
	info, err := os.Stat(s.dir)
	switch {
	case err != nil:
		r.Warn("mode", err.Error(), "")
	case info.Mode().Perm()&0o022 != 0:
		r.Warn("mode", fmt.Sprintf("others may write to the directory: %v", info.Mode().Perm()), "chmod go-w "+s.dir)
	default:
		r.OK("mode", info.Mode().Perm().String())
	}
}

// checkMemory knows the file systems that a power cut empties.
func (s *Store) checkMemory(r *snapshot.Report) {
	var st unix.Statfs_t
	switch err := unix.Statfs(s.dir, &st); {
	case err != nil:
		r.Warn("disk", err.Error(), "")
	case st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC:
		r.Warn("disk", "the directory is in memory", "keep snapshots on a disk, best on one of another machine")
	default:
		r.OK("disk", "the directory is on a file system that lasts")
	}
}
