package swarmgen

import (
	"sync"

	"go.etcd.io/etcd/server/v3/storage/wal"
)

// engineSegment is what an engine allocates for each segment (etcd, package
// wal, SegmentSizeBytes).
const engineSegment int64 = 64 * 1000 * 1000

// segmentSize guards the package variable of etcd.
var segmentSize sync.Mutex

// withSegments runs write while etcd's segments have size bytes.
func withSegments(size int64, write func() error) error {
	segmentSize.Lock()
	defer segmentSize.Unlock()
	old := wal.SegmentSizeBytes
	wal.SegmentSizeBytes = size
	defer func() { wal.SegmentSizeBytes = old }()
	return write()
}
