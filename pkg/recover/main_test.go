package recover

import (
	"os"
	"testing"

	"go.etcd.io/etcd/server/v3/storage/wal"
)

func TestMain(m *testing.M) {
	wal.SegmentSizeBytes = 64 << 10 // as small logs need no more
	os.Exit(m.Run())
}
