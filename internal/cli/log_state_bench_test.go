package cli

import (
	"io"
	"path/filepath"
	"testing"

	"github.com/swarmdr/swarmdr/internal/swarmgen"
)

// benchmarkRun measures command lines, on a swarm of
// 2,384 nodes, 96,287 tasks and 500 services, and on what became of it.
func benchmarkRun(b *testing.B, commands map[string][]string) {
	dir := b.TempDir()
	before, after := filepath.Join(dir, "before"), filepath.Join(dir, "after")
	swarm := swarmgen.DockerSwarm2000(b, before, 1)
	swarm.Later(b, after)
	for name, args := range commands {
		b.Run(name, func(b *testing.B) {
			args := append([]string{"log"}, args...)
			for i, arg := range args {
				switch arg {
				case "BEFORE":
					args[i] = before
				case "AFTER":
					args[i] = after
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				if code := Main(args, &Streams{Out: io.Discard, Err: io.Discard}); code != exitOK {
					b.Fatalf("exit %d", code)
				}
			}
		})
	}
}

func BenchmarkLogState(b *testing.B) {
	benchmarkRun(b, map[string][]string{
		"summary":  {"state", "--dir", "BEFORE"},
		"services": {"state", "services", "--dir", "BEFORE"},
		"tasks":    {"state", "tasks", "--dir", "BEFORE"},
		"json":     {"state", "tasks", "-o", "json", "--dir", "BEFORE"},
	})
}

func BenchmarkLogDiff(b *testing.B) {
	benchmarkRun(b, map[string][]string{
		"table": {"diff", "BEFORE", "AFTER"},
		"all":   {"diff", "BEFORE", "AFTER", "--all"},
		"json":  {"diff", "BEFORE", "AFTER", "--all", "-o", "json"},
	})
}
