// Package labtest gives tests real swarms. A test calls Up and gets a lab that
// is gone when the test ends. Where a lab cannot be made, the test is skipped,
// loudly; where CI is set in the environment, it fails.
package labtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/swarmdr/swarmdr/internal/lab"
)

// Command is the package that Swarmdr builds.
const Command = "github.com/swarmdr/swarmdr/cmd/swarmdr"

// Need skips or fails the test unless this process is root and has a dockerd.
func Need(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "a real swarm needs root")
	}
	if _, err := exec.LookPath("dockerd"); err != nil {
		if _, err := os.Stat("/usr/sbin/dockerd"); err != nil {
			missing(t, "a real swarm needs dockerd: apt-get install docker.io")
		}
	}
}

func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip("NOT TESTED: " + why)
}

// Build compiles the command in pkg to a static executable named swarmdr.
func Build(t testing.TB, pkg string) string {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "swarmdr")
	cmd := exec.Command("go", "build", "-o", exe, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return exe
}

// Dir is a new directory for a lab; its path is short, as sockets need it. It
// goes with the test.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lab-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove lab directory: %v", err)
		}
	})
	return filepath.Join(dir, "lab")
}

// Up makes a lab for the time of the test. Unless given, it has a directory of
// its own and an executable built from Command.
func Up(t testing.TB, o lab.Options) *lab.Lab {
	t.Helper()
	Need(t)
	if o.Dir == "" {
		o.Dir = Dir(t)
	}
	if o.Swarmdr == "" {
		o.Swarmdr = Build(t, Command)
	}
	if o.Report == nil {
		o.Report = func(line string) { t.Logf("lab: %s", line) }
	}
	l, err := lab.Up(t.Context(), o)
	if err != nil {
		t.Fatalf("lab up: %v", err)
	}
	t.Cleanup(func() { down(t, l) })
	return l
}

// Engines are the dockerds on this machine: the installed one, and those that
// testfixtures/engines.sh unpacked to $SWARMDR_ENGINES or its default place.
func Engines(t testing.TB) []string {
	t.Helper()
	Need(t)
	found, err := filepath.Glob(filepath.Join(enginesDir(), "[0-9]*/usr/sbin/dockerd"))
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		missing(t, "no further engines: run testfixtures/engines.sh")
	}
	if installed, err := exec.LookPath("dockerd"); err == nil {
		found = append(found, installed)
	}
	return found
}

func enginesDir() string {
	if dir := os.Getenv("SWARMDR_ENGINES"); dir != "" {
		return dir
	}
	if cache := os.Getenv("XDG_CACHE_HOME"); cache != "" {
		return filepath.Join(cache, "swarmdr/engines")
	}
	return "/var/cache/swarmdr/engines"
}
