package bench

import (
	"path/filepath"
	"testing"

	"github.com/swarmdr/swarmdr/internal/swarmgen"
)

// command measures a whole command, its begin and end included.
func command(b *testing.B, args ...string) {
	b.Helper()
	most := 0.0
	for b.Loop() {
		most = max(most, run(b, args...))
	}
	b.ReportMetric(most, "MiB-resident")
}

// Ten times the log, the same memory.
func BenchmarkVerifyMemory(b *testing.B) {
	for _, size := range []struct {
		name    string
		entries int
	}{{"250MB", 100_000}, {"2500MB", 1_000_000}} {
		b.Run(size.name, func(b *testing.B) {
			dir := updates(b, size.entries)
			command(b, "log", "verify", "--dir", dir)
		})
	}
}

// BenchmarkShowJSON pairs `log show -o json` with the cipher, as BenchmarkVerify
// does: 250 MB/s where one processor opens 0.8 GB/s and two 1.6 are 0.156 of it.
func BenchmarkShowJSON(b *testing.B) {
	dir := updates(b, 100_000)
	records, key := readBoxes(b, dir)
	b.SetBytes(250e6)
	var cipher, show cost
	most := 0.0
	for b.Loop() {
		cipher.add(func() { records.openAll(b, key) })
		show.addChildren(func() { most = max(most, run(b, "log", "show", "-o", "json", "--dir", dir)) })
	}
	show.report(b, cipher, "of-cipher")
	b.ReportMetric(250*float64(b.N)/show.wall.Seconds(), "show-MB/s")
	b.ReportMetric(most, "MiB-resident")
}

// The swarm of the DockerSwarm2000 experiment: 2,384 nodes, 96,287 tasks.
func BenchmarkSwarm2000(b *testing.B) {
	before, after := filepath.Join(b.TempDir(), "before"), filepath.Join(b.TempDir(), "after")
	swarm := swarmgen.DockerSwarm2000(b, before, 1)
	if changes := swarm.Later(b, after); len(changes) < 10 {
		b.Fatal("nothing changed")
	}
	b.Run("state", func(b *testing.B) { command(b, "log", "state", "--dir", before) })
	b.Run("verify", func(b *testing.B) { command(b, "log", "verify", "--dir", before) })
	b.Run("diff", func(b *testing.B) { command(b, "log", "diff", before, after) })
}
