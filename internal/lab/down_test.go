package lab_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/swarmdr/swarmdr/internal/lab"
	"github.com/swarmdr/swarmdr/internal/lab/labtest"
)

// leftovers notes what a lab is made of and returns the check that, after Down,
// none of it is there.
func leftovers(t *testing.T, l *lab.Lab) (check func()) {
	t.Helper()
	if tasks := taskPIDs(t, l); len(tasks) > 0 {
		t.Logf("%d task processes", len(tasks))
	}
	sockets, err := filepath.Glob("/run/containerd/s/*")
	must(t, err)
	own := slices.DeleteFunc(sockets, func(s string) bool { return !mentioned(t, l, s) })
	return func() {
		t.Helper()
		if pids := marked(t, l, "", ""); len(pids) > 0 {
			t.Errorf("processes left: %v", pids)
		}
		if pids := taskPIDs(t, l); len(pids) > 0 {
			t.Errorf("tasks left: %v", pids)
		}
		if points, err := lab.MountsBelow(l.Dir()); err != nil || len(points) > 0 {
			t.Errorf("mounts left: %v (%v)", points, err)
		}
		if cgroups, err := l.Cgroups(); err != nil || len(cgroups) > 0 {
			t.Errorf("cgroups left: %v (%v)", cgroups, err)
		}
		for _, file := range append(own, l.Dir()) {
			if _, err := os.Lstat(file); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("file left: %s (%v)", file, err)
			}
		}
	}
}

// taskPIDs are the processes in the cgroups of the lab's containers.
func taskPIDs(t *testing.T, l *lab.Lab) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cgroup")
	must(t, err)
	var pids []string
	for _, file := range files {
		if groups, _ := os.ReadFile(file); strings.Contains(string(groups), l.CgroupPrefix()) {
			pids = append(pids, filepath.Base(filepath.Dir(file)))
		}
	}
	return pids
}

// mentioned says whether a shim's socket is noted in the lab.
func mentioned(t *testing.T, l *lab.Lab, socket string) bool {
	t.Helper()
	bundles, err := filepath.Glob(l.Dir() + "/*/containerd/state/io.containerd.runtime.v2.task/*/*/[ab]*")
	must(t, err)
	return slices.ContainsFunc(bundles, func(file string) bool {
		data, _ := os.ReadFile(file)
		return strings.Contains(string(data), socket)
	})
}

// TestKilledUp kills `up` with SIGKILL at each of its steps. What it left is
// removed by Down, or by the next Up.
func TestKilledUp(t *testing.T) {
	labtest.Need(t)
	exe := labtest.Build(t, tool)
	for _, step := range []string{"wiring the hosts", "starting the engines", "importing the task image", "forming the swarm"} {
		t.Run(step, func(t *testing.T) {
			dir := labtest.Dir(t)
			killUpAt(t, step, exe, "lab", "up", "--dir", dir, "--managers", "2")
			l, err := lab.Load(dir)
			must(t, err)
			check := leftovers(t, l)
			must(t, l.Down(t.Context()))
			check()
		})
	}
	t.Run("next up", func(t *testing.T) {
		dir := labtest.Dir(t)
		killUpAt(t, "forming the swarm", exe, "lab", "up", "--dir", dir, "--managers", "2")
		l := labtest.Up(t, lab.Options{Dir: dir, Swarmdr: exe})
		if s := l.List(t.Context()); len(s) != 1 || s[0].State != "active" {
			t.Errorf("the next lab is %+v", s)
		}
	})
	t.Run("lab.json lost", func(t *testing.T) {
		dir := labtest.Dir(t)
		killUpAt(t, "forming the swarm", exe, "lab", "up", "--dir", dir)
		must(t, os.Remove(dir+"/lab.json"))
		l, err := lab.Remnants(dir)
		must(t, err)
		must(t, l.Down(t.Context()))
		must(t, os.RemoveAll(dir))
		leftovers(t, l)()
	})
}

func killUpAt(t *testing.T, step, exe string, args ...string) {
	t.Helper()
	cmd := exec.Command(exe, args...)
	progress, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(progress)
	for lines.Scan() && lines.Text() != step {
	}
	if lines.Text() != step {
		t.Fatalf("up never came to %q: %q", step, lines.Text())
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
}

func TestInterruptedUp(t *testing.T) {
	labtest.Need(t)
	ctx, cancel := context.WithCancel(t.Context())
	dir := labtest.Dir(t)
	o := lab.Options{Dir: dir, Managers: 2, Swarmdr: labtest.Build(t, tool)}
	var l *lab.Lab
	var check func()
	o.Report = func(line string) {
		if line == "forming the swarm" {
			l, _ = lab.Load(dir)
			check = leftovers(t, l)
			cancel()
		}
	}
	if _, err := lab.Up(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted up: %v", err)
	}
	check()
}

// TestSideBySide has two labs on the same subnet that know nothing of each
// other.
func TestSideBySide(t *testing.T) {
	labtest.Need(t)
	exe := labtest.Build(t, tool)
	one := labtest.Up(t, lab.Options{Managers: 1, Workers: 1, Swarmdr: exe})
	two := labtest.Up(t, lab.Options{Managers: 1, Swarmdr: exe})
	if a, b := clusterID(t, one), clusterID(t, two); a == b || a == "" || b == "" {
		t.Errorf("cluster ids %q and %q", a, b)
	}
	check := leftovers(t, two)
	must(t, two.Down(t.Context()))
	check()
	for _, s := range one.List(t.Context()) {
		if s.State != "active" {
			t.Errorf("the other lab has %+v", s)
		}
	}
}

func clusterID(t *testing.T, l *lab.Lab) string {
	t.Helper()
	info, err := connect(t, l, "m1").Info(t.Context(), client.InfoOptions{})
	must(t, err)
	return info.Info.Swarm.Cluster.ID
}

func TestDownKeepsFilesOfOthers(t *testing.T) {
	labtest.Need(t)
	l := labtest.Up(t, lab.Options{Swarmdr: labtest.Build(t, tool)})
	notes := filepath.Join(l.Dir(), "notes.txt")
	must(t, os.WriteFile(notes, []byte("mine"), 0o600))
	must(t, l.Down(t.Context()))
	entries, err := os.ReadDir(l.Dir())
	must(t, err)
	if len(entries) != 1 || entries[0].Name() != "notes.txt" {
		t.Errorf("down left %v", entries)
	}
	if _, err := lab.Up(t.Context(), lab.Options{Dir: l.Dir()}); !errors.Is(err, lab.ErrNotOurs) && !errors.Is(err, lab.ErrNotStatic) {
		t.Errorf("up in a directory of others: %v", err)
	}
}
