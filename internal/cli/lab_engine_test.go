package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swarmdr/swarmdr/internal/lab/labtest"
)

// TestLabRefused has `lab up` say in a line what is missing, and what to do,
// before anything is made.
func TestLabRefused(t *testing.T) {
	labtest.Need(t)
	exe := labtest.Build(t, labtest.Command)
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "letter.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, hint string
		code       int
		args       []string
	}{
		{"no such engine", "apt-get install docker.io, or name another engine with --dockerd", 1,
			[]string{"--dir", filepath.Join(t.TempDir(), "lab"), "--dockerd", "/nowhere/dockerd"}},
		{"directory of others", "name an empty or a new directory with --dir", 3, []string{"--dir", foreign}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := runLab(t, exe, append([]string{"up"}, test.args...)...)
			if r.code != test.code || r.out != "" {
				t.Errorf("exit %d, want %d; stdout %q", r.code, test.code, r.out)
			}
			lines := strings.Split(strings.TrimSpace(r.err), "\n")
			if len(lines) != 2 || !strings.HasPrefix(lines[0], "swarmdr: ") || lines[1] != "hint: "+test.hint {
				t.Errorf("stderr %q", r.err)
			}
		})
	}
	if files, err := os.ReadDir(foreign); err != nil || len(files) != 1 {
		t.Errorf("the directory of others holds %v, %v", files, err)
	}
}
