package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/swarmdr/swarmdr/internal/lab"
	"github.com/swarmdr/swarmdr/internal/lab/labtest"
)

// labRun is one run of the built swarmdr.
type labRun struct {
	out, err string
	code     int
}

func runLab(t *testing.T, exe string, args ...string) labRun {
	t.Helper()
	out, errs := &bytes.Buffer{}, &bytes.Buffer{}
	cmd := exec.CommandContext(t.Context(), exe, append([]string{"lab"}, args...)...)
	cmd.Stdout, cmd.Stderr = out, errs
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return labRun{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// TestLab takes a lab through its life by the commands alone.
func TestLab(t *testing.T) {
	labtest.Need(t)
	exe, dir := labtest.Build(t, labtest.Command), labtest.Dir(t)
	t.Cleanup(func() {
		if r := runQuietly(exe, "lab", "down", "--dir", dir); r != nil {
			t.Errorf("down: %v", r)
		}
	})
	lab := func(verb string, args ...string) labRun {
		t.Helper()
		return runLab(t, exe, append([]string{verb, "--dir", dir}, args...)...)
	}
	ok := func(verb string, args ...string) string {
		t.Helper()
		r := lab(verb, args...)
		if r.code != 0 || r.err != "" {
			t.Errorf("%s %q: exit %d, %s", verb, args, r.code, r.err)
		}
		return r.out
	}
	expect := func(got string, states ...string) {
		t.Helper()
		if s := strings.Join(statesOf(t, got), " "); s != strings.Join(states, " ") {
			t.Errorf("states %s, want %s", s, states)
		}
	}

	expect(ok("up", "--managers", "2", "--workers", "1", "-o", "json"), "active", "active", "active")
	if table := ok("ls"); !strings.HasPrefix(table, "NAME  ROLE     ADDRESS") || strings.Count(table, "\n") != 4 {
		t.Errorf("table: %s", table)
	}
	if out := ok("exec", "m2", "--", "sh", "-c", "hostname; swarmdr version"); !strings.HasPrefix(out, "m2\nswarmdr ") {
		t.Errorf("exec wrote %q", out)
	}
	if r := lab("exec", "m2", "sh", "-c", "exit 7"); r.code != 7 {
		t.Errorf("exec of exit 7: exit %d", r.code)
	}
	ok("kill", "w1", "m2")
	expect(ok("ls", "-o", "json"), "active", "down", "down")
	ok("start", "w1", "m2")
	ok("stop", "w1")
	ok("partition", "m1", "m2")
	ok("heal")
	expect(ok("ls", "-o", "json"), "active", "active", "down")
	if r := lab("kill", "w1", "m9"); r.code != 2 || !strings.Contains(r.err, "hint: ") {
		t.Errorf("kill of an unknown node: exit %d, %s", r.code, r.err)
	}
	ok("down")
	ok("down")
	if r := lab("ls"); r.code != 1 || !strings.Contains(r.err, "swarmdr lab up") {
		t.Errorf("ls without a lab: exit %d, %s", r.code, r.err)
	}
}

func runQuietly(name string, args ...string) error { return exec.Command(name, args...).Run() }

func statesOf(t *testing.T, listing string) []string {
	t.Helper()
	all := []lab.Status{}
	if err := json.Unmarshal([]byte(listing), &all); err != nil {
		t.Fatalf("parse %q: %v", listing, err)
	}
	var states []string
	for _, s := range all {
		states = append(states, s.State)
	}
	return states
}

// TestLabRefusals: what is missing is one line, and its remedy another.
func TestLabRefusals(t *testing.T) {
	exe := labtest.Build(t, labtest.Command)
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	labtest.Need(t)
	for _, c := range []struct {
		name, remedy string
		code         int
		args         []string
	}{
		{"no dockerd", "--dockerd", 1, []string{"up", "--dir", "/no/such/lab", "--dockerd", "/no/such/dockerd"}},
		{"foreign directory", "--dir", 3, []string{"up", "--dir", full}},
		{"no managers", "--help", 2, []string{"up", "--managers", "0"}},
		{"bad subnet", "--help", 2, []string{"up", "--subnet", "10.0.0.0/30"}},
		{"no names", "--help", 2, []string{"kill"}},
		{"no command", "--help", 2, []string{"exec", "m1", "--"}},
		{"unknown verb", "--help", 2, []string{"fly"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := runLab(t, exe, c.args...)
			lines := strings.Split(strings.TrimSpace(r.err), "\n")
			if r.code != c.code || len(lines) != 2 || !strings.Contains(lines[1], c.remedy) || r.out != "" {
				t.Errorf("exit %d, %q, %q", r.code, r.out, r.err)
			}
		})
	}
	if _, err := os.Lstat("/no"); err == nil {
		t.Error("a refused lab left its directory")
	}
}

func TestLabNeedsRoot(t *testing.T) {
	labtest.Need(t)
	exe := labtest.Build(t, labtest.Command)
	if err := os.Chmod(filepath.Dir(filepath.Dir(exe)), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "lab", "up")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "a lab needs root") || !strings.Contains(string(out), "sudo") {
		t.Errorf("up as nobody: %v, %s", err, out)
	}
}
