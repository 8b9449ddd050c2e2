package cli_test

import (
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
)

// segments writes the log of a fixture's copy anew, by the engine's own
// package, into segments of 8 KiB instead of 64 MB, and names them $SEGMENT1,
// $SEGMENT2 and $SEGMENT3. There must be three at least.
func segments(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, "segments DIR")
	dir := ts.MkAbs(args[0] + "/swarm/raft/wal-v3-encrypted")
	whole, err := wal.OpenForRead(zap.NewNop(), dir, walpb.Snapshot{})
	ts.Check(err)
	metadata, state, entries, err := whole.ReadAll() // closes what it reads
	ts.Check(err)
	ts.Check(os.RemoveAll(dir))
	ts.Check(writeSegments(dir, metadata, state, entries))

	files, err := filepath.Glob(dir + "/*.wal")
	ts.Check(err)
	if len(files) < 3 {
		ts.Fatalf("%d segments, want 3 or more", len(files))
	}
	for i, name := range []string{"SEGMENT1", "SEGMENT2", "SEGMENT3"} {
		ts.Setenv(name, files[i])
	}
}

func writeSegments(dir string, metadata []byte, state raftpb.HardState, entries []raftpb.Entry) error {
	defer func(size int64) { wal.SegmentSizeBytes = size }(wal.SegmentSizeBytes)
	wal.SegmentSizeBytes = 8 << 10
	w, err := wal.Create(zap.NewNop(), dir, metadata)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := w.Save(state, []raftpb.Entry{e}); err != nil {
			return err
		}
	}
	return w.Close()
}
