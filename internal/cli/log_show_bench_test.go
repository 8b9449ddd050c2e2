package cli_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swarmdr/swarmdr/internal/cli"
	"github.com/swarmdr/swarmdr/internal/swarmgen"
)

// BenchmarkShow shows 100,000 task updates, a WAL of about 250 MB; the bytes are
// those of the WAL.
func BenchmarkShow(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "swarm")
	swarmgen.TaskUpdates(b, dir, 100_000, 2400)
	config := filepath.Join(b.TempDir(), "config.yaml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		b.Fatal(err)
	}
	b.Setenv("SWARMDR_CONFIG", config)
	size := walBytes(b, dir)
	for _, form := range []string{"json", "table"} {
		b.Run(form, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				streams := &cli.Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}
				if code := cli.Main([]string{"log", "show", "--dir", dir, "-o", form}, streams); code != 0 {
					b.Fatalf("exit code %d", code)
				}
			}
		})
	}
}

// walBytes leaves out what is allocated and not written.
func walBytes(b *testing.B, dir string) int64 {
	files, err := filepath.Glob(filepath.Join(dir, "raft/wal-v3-encrypted/*.wal"))
	if err != nil || len(files) == 0 {
		b.Fatalf("%d segments, %v", len(files), err)
	}
	size := int64(0)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		size += int64(len(bytes.TrimRight(data, "\x00")))
	}
	return size
}
