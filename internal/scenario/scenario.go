// Package scenario runs pure decisions against text files: a case is its input,
// a line of dashes, and what is answered to it. It is for tests.
package scenario

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Commit a rewritten answer only if you understand why it changed.
var rewrite = flag.Bool("rewrite", false, "rewrite the answers in testdata from what the code says now")

// Run runs the files that match pattern, of which there must be some. Cases
// stand between empty lines, and so do comments, which begin with #.
func Run(t *testing.T, pattern string, answer func(t *testing.T, input string) string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("scenarios: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { run(t, file, answer) })
	}
}

func run(t *testing.T, file string, answer func(t *testing.T, input string) string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, block := range strings.Split(strings.TrimSpace(string(data)), "\n\n") {
		if strings.HasPrefix(block, "#") {
			out = append(out, block)
			continue
		}
		input, want, found := strings.Cut(block, "\n----")
		if !found && !*rewrite {
			t.Fatalf("case without an answer:\n%s", block)
		}
		got := strings.TrimRight(answer(t, input), "\n")
		if !*rewrite && got != strings.TrimPrefix(want, "\n") {
			t.Errorf("%s\n----\n%s\nwant\n%s", input, got, want)
		}
		out = append(out, input+"\n----\n"+got)
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
