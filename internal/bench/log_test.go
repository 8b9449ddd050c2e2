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
	records, key := boxes(b, dir)
	var bytes int64
	for _, r := range records {
		bytes += int64(len(r.data))
	}
	b.SetBytes(bytes)
	var cipher, verify cost
	for b.Loop() {
		cipher.add(func() { openAll(b, records, key) })
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

// box is an encrypted record as secretbox takes it.
type box struct {
	data  []byte
	nonce *[24]byte
}

// boxes reads all entries with etcd's own reader.
func boxes(b *testing.B, dir string) ([]box, *[32]byte) {
	b.Helper()
	w, err := wal.OpenForRead(nil, filepath.Join(dir, "raft/wal-v3-encrypted"), walpb.Snapshot{})
	must(b, err)
	defer w.Close()
	_, _, entries, err := w.ReadAll()
	must(b, err)
	all := make([]box, len(entries))
	for i, e := range entries {
		var record api.MaybeEncryptedRecord
		must(b, record.Unmarshal(e.Data))
		all[i] = box{record.Data, (*[24]byte)(record.Nonce)}
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
func openAll(b *testing.B, records []box, key *[32]byte) {
	var group sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for i := range workers {
		group.Go(func() {
			buf := make([]byte, 0, 64<<10)
			for at := i; at < len(records); at += workers {
				if _, ok := secretbox.Open(buf, records[at].data, records[at].nonce, key); !ok {
					b.Error("a record does not open")
					return
				}
			}
		})
	}
	group.Wait()
}
