package lab

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestParseStat(t *testing.T) {
	tail := " S 7 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 9\n"
	for _, c := range []struct {
		name, stat, comm string
		zombie           bool
	}{
		{"plain", "42 (dockerd)" + tail, "dockerd", false},
		{"blank", "42 (my app)" + tail, "my app", false},
		{"parenthesis", "42 (a) R 1 (b)" + tail, "a) R 1 (b", false},
		{"zombie", "42 (dockerd)" + strings.Replace(tail, "S", "Z", 1), "dockerd", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, zombie := parseStat([]byte(c.stat))
			if p.pid != 42 || p.parent != 7 || p.start != "4711" || p.comm != c.comm || zombie != c.zombie {
				t.Errorf("got %+v, zombie %v", p, zombie)
			}
		})
	}
}

func FuzzParseStat(f *testing.F) {
	own, err := os.ReadFile("/proc/self/stat")
	if err != nil || len(own) == 0 {
		f.Fatalf("read own stat: %v", err)
	}
	f.Add(own)
	for _, cut := range []string{"", "1", "1 (", "1 (a", ")(", "1 (a) Z"} {
		f.Add([]byte(cut))
	}
	f.Fuzz(func(t *testing.T, stat []byte) {
		if p, zombie := parseStat(stat); !zombie && p.start == "" {
			t.Errorf("a process without start: %+v", p)
		}
	})
}

// TestProcessLife watches a real child: alive, a zombie, reaped.
func TestProcessLife(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	cmd.Env = []string{markLab + "=/some/lab", markNode + "=m1"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "its environment", func() bool {
		p, ok := readProcess(cmd.Process.Pid)
		return ok && p.lab == "/some/lab" && p.node == "m1" && p.comm == "sleep" && p.parent == os.Getpid()
	})
	p, _ := readProcess(cmd.Process.Pid)
	if own, ok := readProcess(os.Getpid()); !ok || own.net != p.net || p.net == (nsID{}) {
		t.Errorf("network namespaces %+v and %+v", own.net, p.net)
	}
	if !p.alive() || p.reaped() {
		t.Error("a running process counts as ended")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "its end", func() bool { return !p.alive() })
	if p.reaped() {
		t.Error("a zombie counts as reaped")
	}
	_ = cmd.Wait()
	if !p.reaped() || p.alive() {
		t.Error("a reaped process counts as there")
	}
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	if err := poll(t.Context(), func() (bool, error) { return ok(), nil }); err != nil {
		t.Fatalf("wait for %s: %v", what, err)
	}
}

func TestMarks(t *testing.T) {
	lab, node := marks([]byte("A=1\x00SWARMDR_LAB=/x/lab\x00SWARMDR_LAB_NODE=m2\x00"))
	if lab != "/x/lab" || node != "m2" {
		t.Errorf("marks %q, %q", lab, node)
	}
}
