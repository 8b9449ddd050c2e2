package snapshot

import (
	"sync"
	"sync/atomic"
)

// readers is how many objects are read at once: enough to hide the latency of a
// distant store, few enough for what 16 MiB of manifest would take each.
const readers = 8

// inParallel calls work for 0 to n-1 and returns when all calls have returned.
func inParallel(n int, work func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(n, readers) {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				work(int(i))
			}
		})
	}
	all.Wait()
}
