package bench

import (
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/moby/swarmkit/v2/api"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"golang.org/x/crypto/nacl/secretbox"

	"github.com/swarmdr/swarmdr/internal/swarmgen"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// updates is a WAL of n task updates of about 2.4 KB.
func updates(b *testing.B, n int) string {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "swarm")
	swarmgen.TaskUpdates(b, dir, n, 2400)
	return dir
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// BenchmarkVerify pairs what `log verify` does with what secretbox.Open alone
// takes for the same records on the same processors.
func BenchmarkVerify(b *testing.B) {
	dir := updates(b, 100_000)
	records, key := readBoxes(b, dir)
	bytes := int64(len(records.all))
	b.SetBytes(bytes)
	runtime.GC()
	var cipher, verify cost
	for b.Loop() {
		cipher.add(func() { records.openAll(b, key) })
		verify.add(func() { inspect(b, dir) })
	}
	b.ReportMetric(float64(bytes)*float64(b.N)/verify.wall.Seconds()/1e6, "verify-MB/s")
	verify.report(b, cipher, "of-cipher")
}

func inspect(b *testing.B, dir string) {
	report, err := snapshot.Inspect(os.DirFS(dir), snapshot.InspectOptions{Now: time.Now()})
	must(b, err)
	if report.Verdict != snapshot.StatusOK {
		b.Fatalf("%+v", report)
	}
}

// BenchmarkState pairs what `log verify` does with what `log state` does.
func BenchmarkState(b *testing.B) {
	dir := updates(b, 100_000)
	var state, verify cost
	for b.Loop() {
		verify.add(func() { inspect(b, dir) })
		state.add(func() { replay(b, dir) })
	}
	verify.report(b, state, "x-verify")
}

func replay(b *testing.B, dir string) {
	l, err := raftlog.Open(os.DirFS(dir), nil)
	must(b, err)
	nodeKey, err := snapshot.OpenNodeKey(os.DirFS(dir), unlock.Key{})
	must(b, err)
	l, err = l.With(nodeKey.DEKs())
	must(b, err)
	_, err = l.State(raftlog.StateOptions{})
	must(b, err)
}

// boxes are encrypted records, all in one piece of memory, as secretbox takes
// them: the nonce, then the box.
type boxes struct {
	all  []byte
	ends []int
}

// readBoxes reads all entries with etcd's own reader.
func readBoxes(b *testing.B, dir string) (boxes, *[32]byte) {
	b.Helper()
	w, err := wal.OpenForRead(nil, filepath.Join(dir, "raft/wal-v3-encrypted"), walpb.Snapshot{})
	must(b, err)
	defer w.Close()
	_, _, entries, err := w.ReadAll()
	must(b, err)
	var all boxes
	for _, e := range entries {
		var record api.MaybeEncryptedRecord
		must(b, record.Unmarshal(e.Data))
		all.all = append(append(all.all, record.Nonce...), record.Data...)
		all.ends = append(all.ends, len(all.all))
	}
	return all, dek(b, dir)
}

// dek reads the DEK of a manager that is not locked.
func dek(b *testing.B, dir string) *[32]byte {
	b.Helper()
	file, err := os.ReadFile(filepath.Join(dir, "certificates/swarm-node.key"))
	must(b, err)
	block, _ := pem.Decode(file)
	raw, err := base64.StdEncoding.DecodeString(block.Headers["raft-dek"])
	must(b, err)
	var record api.MaybeEncryptedRecord
	must(b, record.Unmarshal(raw))
	return (*[32]byte)(record.Data)
}

// openAll opens all records on all processors, into a buffer of each.
func (r boxes) openAll(b *testing.B, key *[32]byte) {
	var group sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		group.Go(func() {
			buf, from := make([]byte, 0, 64<<10), 0
			for i, end := range r.ends {
				record := r.all[from:end]
				from = end
				if i%workers != worker {
					continue
				}
				if _, ok := secretbox.Open(buf, record[24:], (*[24]byte)(record), key); !ok {
					b.Error("a record does not open")
					return
				}
			}
		})
	}
	group.Wait()
}
