package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/swarmdr/swarmdr/internal/store/file"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// BenchmarkBackup pairs a whole backup to a local store, proof and reading back
// included, with `tar | zstd -1 | age` on the same directory.
func BenchmarkBackup(b *testing.B) {
	dir := updates(b, 200_000)
	_, recipient, err := snapshot.GenerateIdentity()
	must(b, err)
	var backup, pipe cost
	for b.Loop() {
		pipe.addChildren(func() { pipeline(b, dir, recipient) })
		backup.add(func() { must(b, backUp(b.Context(), dir, b.TempDir(), recipient)) })
	}
	backup.report(b, pipe, "of-pipe")
	b.ReportMetric(backup.wall.Seconds()/float64(b.N), "backup-s")
}

// pipeline keeps what it wrote, as a backup does: both end on the disk.
func pipeline(b *testing.B, dir, recipient string) {
	out := filepath.Join(b.TempDir(), "swarm.tar.zst.age")
	script := `tar -C "$0" -c . | zstd -1 -q | age -r "$1" > "$2" && sync "$2"`
	c := exec.Command("bash", "-o", "pipefail", "-c", script, dir, recipient, out)
	c.Stderr = os.Stderr
	must(b, c.Run())
	must(b, os.Remove(out))
}

// backUp takes a hot backup of a directory to a store in place, and removes it.
func backUp(ctx context.Context, dir, place, recipient string) error {
	to, err := snapshot.ParseRecipients([]string{recipient})
	if err != nil {
		return err
	}
	signer, _, err := snapshot.GenerateSigner("bench")
	if err != nil {
		return err
	}
	store := filepath.Join(place, "store")
	_, err = snapshot.Backup(ctx, snapshot.BackupOptions{
		Dir: dir, ScratchDir: place, Mode: snapshot.Hot, Store: file.New(store), Recipients: to, Signer: signer, Tool: "bench",
	})
	if err != nil {
		return err
	}
	return os.RemoveAll(store)
}

// BenchmarkBackupMemory: ten times the log, the same memory. The 2,000 tasks in
// both take about 5 MiB of it.
func BenchmarkBackupMemory(b *testing.B) {
	_, recipient, err := snapshot.GenerateIdentity()
	must(b, err)
	for _, size := range []struct {
		name    string
		entries int
	}{{"500MB", 200_000}, {"5GB", 2_000_000}} {
		b.Run(size.name, func(b *testing.B) {
			dir, most := updates(b, size.entries), 0.0
			for b.Loop() {
				c := exec.Command(os.Args[0])
				c.Env = append(os.Environ(), alone+"="+dir, "RECIPIENT="+recipient)
				most = max(most, watch(b, c))
			}
			b.ReportMetric(most, "MiB-resident")
		})
	}
}

// alone makes this program one that takes a backup of the directory it names,
// and nothing else.
const alone = "SWARMDR_BENCH_BACKUP"

func TestMain(m *testing.M) {
	dir := os.Getenv(alone)
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := backUp(context.Background(), dir, filepath.Dir(dir), os.Getenv("RECIPIENT")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
