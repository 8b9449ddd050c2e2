package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

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
		backup.add(func() { backUp(b, dir, recipient) })
	}
	backup.report(b, pipe, "of-pipe")
	b.ReportMetric(backup.wall.Seconds()/float64(b.N), "backup-s")
	b.ReportMetric(backup.cpu.Seconds()/float64(b.N), "backup-cpu-s")
	b.ReportMetric(pipe.wall.Seconds()/float64(b.N), "pipe-s")
	b.ReportMetric(pipe.cpu.Seconds()/float64(b.N), "pipe-cpu-s")
}

func pipeline(b *testing.B, dir, recipient string) {
	out := filepath.Join(b.TempDir(), "swarm.tar.zst.age")
	script := `tar -C "$0" -c . | zstd -1 -q | age -r "$1" > "$2" && sync "$2"`
	c := exec.Command("bash", "-o", "pipefail", "-c", script, dir, recipient, out)
	c.Stderr = os.Stderr
	must(b, c.Run())
	must(b, os.Remove(out))
}

func backUp(b *testing.B, dir, recipient string) {
	to, err := snapshot.ParseRecipients([]string{recipient})
	must(b, err)
	signer, _, err := snapshot.GenerateSigner("bench")
	must(b, err)
	place := b.TempDir()
	_, err = snapshot.Backup(b.Context(), snapshot.BackupOptions{
		Dir: dir, ScratchDir: place, Mode: snapshot.Hot, Store: file.New(filepath.Join(place, "store")),
		Recipients: to, Signer: signer, Tool: "bench",
		Progress: func(s string) { b.Log(time.Now().Format("05.000"), s) },
	})
	must(b, err)
	b.Log(time.Now().Format("05.000"), "done")
	must(b, os.RemoveAll(filepath.Join(place, "store")))
}

func (c *cost) addChildren(f func()) {
	start, used := time.Now(), children(syscall.RUSAGE_CHILDREN)
	f()
	c.wall += time.Since(start)
	c.cpu += children(syscall.RUSAGE_CHILDREN) - used
}

func children(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
