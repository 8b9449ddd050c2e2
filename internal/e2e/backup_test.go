package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/swarmdr/swarmdr/internal/lab"
)

type manifest struct {
	Name     string `json:"name"`
	Mode     string `json:"mode"`
	DownMS   int64  `json:"down_ms"`
	Hostname string `json:"hostname"`
	Contents struct {
		Index    uint64         `json:"index"`
		Autolock bool           `json:"autolock"`
		Objects  map[string]int `json:"objects"`
	} `json:"contents"`
	SealedSize int64 `json:"sealed_size"`
}

func (f *fixture) backupArgs(more ...string) []string {
	return append([]string{"backup", "-o", "json", "--store", f.store(), "--recipient", f.recipient}, more...)
}

func (f *fixture) backup(node string, more ...string) manifest {
	f.Helper()
	var m manifest
	f.decode(f.on(node, f.backupArgs(more...)...), &m)
	return m
}

// TestBackup takes every kind of backup of one autolocked swarm, and everything
// that may be refused or fail.
func TestBackup(t *testing.T) {
	f := newFixture(t, lab.Options{Managers: 3, Workers: 1, Autolock: true})
	leader := f.leader()
	f.populate(leader)
	follower := f.others(leader)[0]

	t.Run("cold", func(t *testing.T) { f.with(t).testGood(follower, "cold") })
	t.Run("hot", func(t *testing.T) { f.with(t).testGood(follower, "hot") })
	t.Run("leader", func(t *testing.T) { f.with(t).testGood(leader, "cold") })
	t.Run("by hand", func(t *testing.T) { f.with(t).testByHand(leader) })
	t.Run("log", func(t *testing.T) { f.with(t).testLog(leader) })
	t.Run("reading changes nothing", func(t *testing.T) { f.with(t).testReadOnly(follower) })
	t.Run("refusals", func(t *testing.T) { f.with(t).testRefusals(follower) })
	t.Run("disk full", func(t *testing.T) { f.with(t).testDiskFull(follower) })
	t.Run("killed", func(t *testing.T) { f.with(t).testKilled(follower) })
	t.Run("no majority left", func(t *testing.T) { f.with(t).testUnsafe(leader, follower) })
}

func (f *fixture) with(t *testing.T) *fixture {
	g := *f
	g.T = t
	return &g
}

func (f *fixture) testGood(node, mode string) {
	m := f.backup(node, "--mode", mode)
	if m.Mode != mode || m.Hostname != node || !m.Contents.Autolock {
		f.Errorf("manifest %+v", m)
	}
	if mode == "cold" && m.DownMS == 0 || mode == "hot" && m.DownMS != 0 {
		f.Errorf("%s: down for %d ms", mode, m.DownMS)
	}
	if m.Contents.Objects["secret"] != 3 || m.Contents.Objects["service"] != 1 || m.Contents.Objects["config"] != 1 {
		f.Errorf("objects %v", m.Contents.Objects)
	}
	if m.SealedSize > 200<<10 {
		f.Errorf("a snapshot of an idle manager has %d bytes", m.SealedSize)
	}
	f.Logf("%s backup of %s: %d KiB, engine down for %d ms", mode, node, m.SealedSize>>10, m.DownMS)
	f.wantManagers(node)
	full := f.on("w1", "snapshot", "verify", m.Name, "--store", f.store(), "-i", f.identity(), "--unlock-key-file", f.lab.UnlockKeyFile())
	if !strings.Contains(full, "replayed") {
		f.Errorf("verify said\n%s", full)
	}
	if list := f.on("w1", "snapshot", "list", "--store", f.store()); !strings.Contains(list, m.Name) {
		f.Errorf("%s is not listed:\n%s", m.Name, list)
	}
	f.wantNothingLeft(node)
}

// wantNothingLeft looks for files that a backup must not leave on the manager
// and for plaintext in the store.
func (f *fixture) wantNothingLeft(node string) {
	f.Helper()
	state := filepath.Join(f.node(node).Dir(), "swarmdr")
	want := map[string]bool{"guard.log": true, "lock": true, "engine.lock": true, "outage.lock": true, "signing.key": true, "signing.pub": true}
	entries, err := os.ReadDir(state)
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		if !want[e.Name()] {
			f.Errorf("%s was left in the state directory", e.Name())
		}
	}
	err = filepath.WalkDir(f.storeDir(), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !strings.HasSuffix(path, ".json") && !strings.HasSuffix(path, ".tar.zst.age") {
			f.Errorf("%s was left in the store", path)
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), canary) || strings.Contains(string(data), "PRIVATE KEY") {
			f.Errorf("plaintext in %s", path)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		f.Error(err)
	}
}

// testByHand opens a snapshot without swarmdr, with Debian's age, zstd and tar
// as the README says, and reads the log in it.
func (f *fixture) testByHand(node string) {
	archives, err := filepath.Glob(filepath.Join(f.storeDir(), "*/*/*.age"))
	if err != nil || len(archives) == 0 {
		f.Fatalf("archives: %v, %v", archives, err)
	}
	line := fmt.Sprintf("age -d -i identity.txt %s | zstd -d | tar -x", archives[0])
	if _, code := f.shell(node, "set -o pipefail; "+line); code != 0 {
		f.Fatalf("%s: exit %d", line, code)
	}
	out := f.on(node, "log", "state", "--dir", filepath.Join(f.dir, "swarm"), "--unlock-key-file", f.lab.UnlockKeyFile())
	if !strings.Contains(out, "secret            3") {
		f.Errorf("the log says\n%s", out)
	}
}

func (f *fixture) testLog(node string) {
	for _, source := range [][]string{
		{},
		{"--snapshot", "latest", "--store", f.store(), "-i", f.identity()},
	} {
		for _, args := range [][]string{{"log", "show"}, {"log", "show", "-o", "json"}, {"log", "state"}, {"log", "state", "secret", "-o", "json"}, {"log", "state", "service", "-o", "json"}} {
			out := f.on(node, append(args, source...)...)
			if strings.Contains(out, canary) || strings.Contains(out, "SWMKEY") || strings.Contains(out, "SWMTKN") {
				f.Errorf("%v shows a secret", args)
			}
			if !strings.Contains(out, "secret") && !strings.Contains(out, "web") {
				f.Errorf("%v shows\n%s", args, out)
			}
		}
	}
	if out := f.on(node, "log", "state", "secret", "secret-1", "--reveal", "-o", "json"); !strings.Contains(out, "Y2FuYXJ5LTdmM2Et") {
		f.Errorf("--reveal shows no secret:\n%s", out)
	}
}

// testReadOnly compares a live directory before and after it was read; only
// its own engine may have written to the log and to the task database.
func (f *fixture) testReadOnly(node string) {
	before := f.snapshotOfTree(f.node(node).SwarmDir())
	f.on(node, "log", "show")
	f.on(node, "log", "state")
	f.on(node, "quorum")
	after := f.snapshotOfTree(f.node(node).SwarmDir())
	for path, was := range before {
		if now := after[path]; now != was && !strings.HasSuffix(path, ".wal") && !strings.HasPrefix(path, "worker") {
			f.Errorf("%s was %s and is %s", path, was, now)
		}
	}
	for path := range after {
		if before[path] == "" {
			f.Errorf("%s is new", path)
		}
	}
}

func (f *fixture) snapshotOfTree(dir string) map[string]string {
	f.Helper()
	tree := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		rel, _ := filepath.Rel(dir, path)
		if err == nil {
			tree[rel] = fmt.Sprint(info.Mode(), info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	return tree
}

func (f *fixture) testRefusals(node string) {
	f.wantExit(2, "no recipient", node, "backup", "--store", f.store())
	f.wantExit(2, "parse recipient", node, "backup", "--store", f.store(), "--recipient", "age1nonsense")
	f.wantExit(2, "unknown mode", node, f.backupArgs("--mode", "warm")...)
	f.wantExit(2, "file:///DIRECTORY", node, "backup", "--store", "ftp://x/y", "--recipient", f.recipient)
	f.wantExit(6, "store", node, "backup", "--store", "file:///proc/1/nothing", "--recipient", f.recipient)

	wrong := filepath.Join(f.dir, "wrong.key")
	f.write(wrong, "SWMKEY-1-"+strings.Repeat("A", 43))
	f.wantExit(4, "does not open", node, f.backupArgs("--unlock-key-file", wrong)...)
	f.write(wrong, "SWMKEY-1-short")
	f.wantExit(4, wrong, node, f.backupArgs("--unlock-key-file", wrong)...)

	f.wantExit(5, "worker", "w1", "log", "show", "--dir", f.node("w1").SwarmDir())
	f.wantExit(5, "not a swarm directory", node, "log", "show", "--dir", f.dir)
	f.wantExit(5, "not the swarm directory of a manager", "w1", f.backupArgs("--mode", "cold")...)
	f.wantManagers(node)
}

func (f *fixture) write(path, text string) {
	f.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.Fatal(err)
	}
}

// testDiskFull has no room for the copy from the start, in the store, and once
// the engine is down: there the stop command fills the disk.
func (f *fixture) testDiskFull(node string) {
	small := f.tmpfs("64k")
	f.wantExit(1, "no space left", node, f.backupArgs("--config", f.config(node, small, ""))...)
	f.wantExit(6, "no space left", node, "backup", "--store", "file://"+small+"/store", "--recipient", f.recipient)

	full := f.tmpfs("4m")
	fill := fmt.Sprintf("head -c 8m /dev/zero > %s/fill;", full)
	f.wantExit(1, "no space left", node, f.backupArgs("--config", f.config(node, full, fill))...)
	f.wantManagers(node)
	f.wantNothingLeft(node)
	if _, err := os.Stat(filepath.Join(full, "fill")); err != nil {
		f.Error("the engine was not stopped before the disk was full")
	}
}

func (f *fixture) tmpfs(size string) string {
	f.Helper()
	dir, err := os.MkdirTemp(f.dir, "tmpfs-")
	if err != nil {
		f.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			f.Error(err)
		}
	})
	return dir
}

// config is a node's configuration with another state directory, and a shell
// command that runs before the engine is stopped.
func (f *fixture) config(node, stateDir, before string) string {
	f.Helper()
	data, err := os.ReadFile(f.node(node).ConfigFile())
	if err != nil {
		f.Fatal(err)
	}
	text := strings.Replace(string(data), filepath.Join(f.node(node).Dir(), "swarmdr"), stateDir, 1)
	stop := fmt.Sprintf("stop: [sh, -c, %q]", fmt.Sprintf("%s exec %s lab stop --dir %s %s", before, exe, f.lab.Dir(), node))
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "stop:") && before != "" {
			lines[i] = line[:strings.Index(line, "stop:")] + stop
		}
	}
	path := filepath.Join(f.dir, filepath.Base(stateDir)+".yaml")
	f.write(path, strings.Join(lines, "\n"))
	return path
}

func (f *fixture) testUnsafe(leader, follower string) {
	gone := f.others(leader)[1]
	f.kill(gone)
	f.wantExit(3, "not safe to stop", follower, f.backupArgs()...)
	if out, _, code := f.try(follower, "quorum"); code != 1 || !strings.Contains(out, "cannot be stopped safely") {
		f.Errorf("quorum: exit %d\n%s", code, out)
	}
	if m := f.backup(follower, "--mode", "hot"); m.Mode != "hot" {
		f.Errorf("%+v", m)
	}
	f.kill(leader)
	f.eventually("the quorum is seen to be lost", func() bool {
		_, _, code := f.try(follower, "quorum")
		return code == 2
	})
	if m := f.backup(follower, "--mode", "hot"); m.Contents.Objects["secret"] != 3 {
		f.Errorf("without a quorum: %+v", m)
	}
	f.wantExit(3, "not safe to stop", follower, f.backupArgs()...)
}
