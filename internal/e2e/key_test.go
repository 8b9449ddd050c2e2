package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/lab"
	"github.com/swarmdr/swarmdr/internal/lab/labtest"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// keyStory is a fixture that keeps all that commands said, and the command
// lines of all processes meanwhile, to look for keys in them at the end.
type keyStory struct {
	*fixture
	said *strings.Builder
	keys map[string]bool // all texts of keys that the swarm ever had
}

func (k keyStory) with(t *testing.T) keyStory {
	k.fixture = k.fixture.with(t)
	return k
}

// key runs `swarmdr key` on m1 and wants this exit code; it returns stdout and
// stderr.
func (k keyStory) key(code int, args ...string) string {
	k.Helper()
	begin := time.Now()
	out, stderr, got := k.try("m1", append([]string{"-v", "key"}, args...)...)
	k.said.WriteString(out + stderr)
	if got != code {
		k.Fatalf("swarmdr key %s: exit %d, want %d\n%s%s", strings.Join(args, " "), got, code, out, stderr)
	}
	k.Logf("swarmdr key %s: exit %d after %.1f s\n%s%s", strings.Join(args, " "), got, time.Since(begin).Seconds(), out, stderr)
	return out + stderr
}

func (k keyStory) wantSaid(text string, lines ...string) {
	k.Helper()
	flat := strings.Join(strings.Fields(text), " ")
	for _, line := range lines {
		if !strings.Contains(flat, line) {
			k.Errorf("it did not say %q:\n%s", line, text)
		}
	}
}

func (k keyStory) managerFlags(names ...string) []string {
	var flags []string
	for _, name := range names {
		flags = append(flags, "--manager", name+"="+k.node(name).DockerHost())
	}
	return flags
}

// readKey remembers the key in a file as one that nobody may see.
func (k keyStory) readKey(path string) unlock.Key {
	k.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		k.Fatal(err)
	}
	key, err := unlock.ParseKey(string(data))
	if err != nil {
		k.Fatal(err)
	}
	k.keys[key.Reveal()] = true
	return key
}

// opens tells whether the key opens the node key of a manager.
func (k keyStory) opens(name string, key unlock.Key) bool {
	k.Helper()
	file, err := os.ReadFile(filepath.Join(k.node(name).SwarmDir(), "certificates/swarm-node.key"))
	if err != nil {
		k.Fatal(err)
	}
	n, err := unlock.OpenNodeKey(file, key)
	return err == nil && n.Locked()
}

func (k keyStory) wantOpens(name string, key, not unlock.Key) {
	k.Helper()
	if !k.opens(name, key) || k.opens(name, not) {
		k.Errorf("%s: opened by the one key %v, by the other %v", name, k.opens(name, key), k.opens(name, not))
	}
}

func (k keyStory) states() string {
	var states []string
	for _, s := range k.lab.List(k.Context()) {
		states = append(states, s.State)
	}
	return strings.Join(states, " ")
}

func (k keyStory) wantStates(want string) {
	k.Helper()
	k.eventually("the managers are "+want, func() bool { return k.states() == want })
}

func (k keyStory) stateDir(name string) string { return filepath.Join(k.node(name).Dir(), "swarmdr") }

// TestMatrixKeys is one story on three autolocked managers, each part on what
// the one before left, on each engine with SWARMDR_MATRIX=all, else on the
// installed one. In no output, log, command line or state file is a key.
func TestMatrixKeys(t *testing.T) {
	for _, dockerd := range labtest.Engines(t) {
		if name := engineName(dockerd); name == "installed" || os.Getenv("SWARMDR_MATRIX") == "all" {
			t.Run(name, func(t *testing.T) { testKeys(t, dockerd) })
		}
	}
}

func testKeys(t *testing.T, dockerd string) {
	k := keyStory{
		newFixture(t, lab.Options{Managers: 3, Autolock: true, Dockerd: dockerd}), &strings.Builder{}, map[string]bool{},
	}
	commandLines := watchCommandLines(t)
	first := k.readKey(k.lab.UnlockKeyFile())
	for _, part := range []struct {
		name string
		test func(keyStory, unlock.Key)
	}{
		{"unlock", keyStory.testUnlock},
		{"rotate", keyStory.testRotate},
		{"rotate while one is down", keyStory.testRotateMissed},
		{"rotate with all node keys at hand", keyStory.testRotateLab},
		{"rotate and be killed", keyStory.testRotateKilled},
		{"quorum lost", keyStory.testUnlockHangs},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.test(k.with(t), first) }) {
			break
		}
	}
	k.wantNoKey("what the commands said", k.said.String())
	k.wantNoKey("a command line", commandLines())
	for _, name := range []string{"m1", "m2", "m3"} {
		for path, content := range treeOf(t, k.stateDir(name)) {
			k.wantNoKey(path, content)
		}
	}
}

func (k keyStory) wantNoKey(where, text string) {
	k.Helper()
	for key := range k.keys {
		if strings.Contains(text, strings.TrimPrefix(key, "SWMKEY-1-")) {
			k.Errorf("a key is in %s", where)
		}
	}
	if len(k.keys) < 4 || text == "" {
		k.Errorf("%s: %d keys looked for in %d bytes", where, len(k.keys), len(text))
	}
}

func treeOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	names, err := filepath.Glob(dir + "/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if data, err := os.ReadFile(name); err == nil && len(data) > 0 {
			files[name] = string(data)
		}
	}
	return files
}

// watchCommandLines collects those of all processes until the returned
// function is called.
func watchCommandLines(t *testing.T) func() string {
	t.Helper()
	seen, done := map[string]bool{}, make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			names, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, name := range names {
				if line, err := os.ReadFile(name); err == nil {
					seen[string(line)] = true
				}
			}
			select {
			case <-done:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	return func() string {
		close(done)
		wg.Wait()
		all := ""
		for line := range seen {
			all += line + "\n"
		}
		if !strings.Contains(all, "key\x00rotate") {
			t.Error("not even the command under test was seen")
		}
		return all
	}
}

func (k keyStory) testUnlock(unlock.Key) {
	k.kill("m1", "m2", "m3")
	k.start("m1", "m2", "m3")
	k.wantStates("locked locked locked")
	wrong := filepath.Join(k.dir, "wrong.key")
	k.write(wrong, "SWMKEY-1-"+strings.Repeat("A", 43)+"\n")
	said := k.key(4, "unlock", "--lab", k.lab.Dir(), "--unlock-key-file", wrong)
	k.wantSaid(said, "m1 wrong key", "m3 wrong key", "3 of 3 managers are not unlocked", "hint: the key may have been rotated")
	k.wantSaid(k.key(4, "escrow", "-r", k.recipient, "--out", filepath.Join(k.dir, "none.age")), "needs to be unlocked", "hint: `swarmdr key unlock`")

	said = k.key(0, append([]string{"unlock"}, k.managerFlags("m2", "m3")...)...)
	k.wantSaid(said, "m1 unlocked", "m2 unlocked", "m3 unlocked")
	k.wantStates("active active active")
	k.wantSaid(k.key(0, "unlock", "--lab", k.lab.Dir()), "m1 was not locked", "m2 was not locked", "m3 was not locked")
}

func (k keyStory) testRotate(first unlock.Key) {
	k.wantSaid(k.key(0, "check"), "m1/data/swarm: current", "so this is the swarm's current unlock key")
	out := filepath.Join(k.dir, "second.key")
	k.eventually("all managers are reachable", func() bool {
		_, _, code := k.try("m1", "quorum")
		return code == 0
	})
	said := k.key(0, "rotate", "-r", k.recipient, "--out", out)
	k.wantSaid(said, "m1 yes", "m2 assumed", "m3 assumed", "still holds the key from before")
	second := k.readKey(out)
	for _, name := range []string{"m1", "m2", "m3"} { // what was assumed is so
		k.wantOpens(name, second, first)
	}
	k.wantEscrows(first, second)
	k.wantSaid(k.key(4, "check"), "m1/data/swarm: wrong", "rotated", "needs "+second.Fingerprint())
	k.wantSaid(k.key(0, "check", "--unlock-key-file", out), "m1/data/swarm: current")

	k.wantSaid(k.key(3, "rotate", "-r", k.recipient), "rotated just now", "hint: it is done; --again")
	k.wantOpens("m1", second, first)
	k.write(k.lab.UnlockKeyFile(), second.Reveal()+"\n")
}

// wantEscrows: the state directory of m1 holds each key sealed, age opens it,
// and the history names both.
func (k keyStory) wantEscrows(keys ...unlock.Key) {
	k.Helper()
	history, err := os.ReadFile(filepath.Join(k.stateDir("m1"), "unlock-keys.json"))
	if err != nil {
		k.Fatal(err)
	}
	for _, key := range keys {
		k.wantSaid(string(history), key.Fingerprint())
		path := filepath.Join(k.stateDir("m1"), "unlock-key-"+key.Fingerprint()[7:19]+".age")
		k.wantSaid(string(history), path)
		if got := k.run(exec.Command("age", "-d", "-i", k.identity(), path)); got != key.Reveal()+"\n" {
			k.Errorf("%s does not hold its key", path)
		}
		if got := k.run(exec.Command(exe, "key", "open", "-i", k.identity(), path)); got != key.Reveal()+"\n" {
			k.Errorf("key open of %s: another key", path)
		}
	}
}

// testRotateMissed: m3 is down during a rotation and needs the key of before,
// once.
func (k keyStory) testRotateMissed(unlock.Key) {
	second := k.readKey(k.lab.UnlockKeyFile())
	if err := k.lab.Stop(k.Context(), 10*time.Second, "m3"); err != nil {
		k.Fatal(err)
	}
	rotate := append([]string{"rotate", "--again", "--replace-key-file"}, k.managerFlags("m2", "m3")...)
	k.wantSaid(k.key(3, rotate...), "not all managers are reachable: m3", "hint: start them")
	if !k.opens("m1", second) {
		k.Fatal("a rotation that was refused was done")
	}
	said := k.key(0, append(rotate, "--allow-missed")...)
	k.wantSaid(said, "m1 yes", "m2 yes", "m3 no: it cannot be reached, and needs the old key")
	third := k.readKey(k.lab.UnlockKeyFile())
	kept := k.lab.UnlockKeyFile() + "." + second.Fingerprint()[7:19]
	if !k.readKey(kept).Equal(second) {
		k.Errorf("%s does not hold the key of before", kept)
	}
	k.wantOpens("m2", third, second)
	k.wantOpens("m3", second, third)

	dir := k.node("m3").SwarmDir()
	k.wantSaid(k.key(3, "check", "--dir", dir, "--unlock-key-file", kept), "m3/data/swarm: older", "swarm "+third.Fingerprint())
	k.wantSaid(k.key(4, "check", "--dir", dir), "m3/data/swarm: wrong", "so this is the swarm's current key, but not", "needs "+second.Fingerprint())

	k.start("m3")
	k.wantStates("active active locked")
	k.wantSaid(k.key(4, "unlock", "--lab", k.lab.Dir()), "m1 was not locked", "m3 wrong key", "1 of 3 managers are not unlocked")
	k.wantSaid(k.key(0, "unlock", "--lab", k.lab.Dir(), "--unlock-key-file", kept), "m3 unlocked")
	k.eventually("m3 takes the key that it missed", func() bool { return k.opens("m3", third) })
	k.wantSaid(k.key(0, "check", "--dir", dir), "m3/data/swarm: current")
}

func (k keyStory) testRotateLab(unlock.Key) {
	third := k.readKey(k.lab.UnlockKeyFile())
	k.eventually("all managers are reachable", func() bool {
		_, _, code := k.try("m1", "quorum")
		return code == 0
	})
	said := k.key(0, "rotate", "--again", "--replace-key-file", "--lab", k.lab.Dir(), "-o", "json")
	if n := strings.Count(said, `"state": "proven"`); n != 3 {
		k.Errorf("%d managers proved that they took the key, want 3", n)
	}
	fourth := k.readKey(k.lab.UnlockKeyFile())
	for _, name := range []string{"m1", "m2", "m3"} {
		k.wantOpens(name, fourth, third)
	}
	sealed := filepath.Join(k.dir, "fourth.age")
	k.wantSaid(k.key(0, "escrow", "-r", k.recipient, "--out", sealed), fourth.Fingerprint(), "what the swarm has")
	if got := k.run(exec.Command("age", "-d", "-i", k.identity(), sealed)); got != fourth.Reveal()+"\n" {
		k.Error("the escrow holds another key")
	}
}

// testRotateKilled kills rotations at moments from before the beginning to
// after the end. Each key that the swarm ever had is sealed after the next run.
func (k keyStory) testRotateKilled(unlock.Key) {
	rotate := []string{"rotate", "--again", "-r", k.recipient, "--lab", k.lab.Dir()}
	finished := 0
	for after := 30 * time.Millisecond; after < 300*time.Millisecond; after += 15 * time.Millisecond {
		before := k.swarmKey()
		cmd := k.node("m1").Command(k.Context(), exe, append([]string{"key"}, rotate...)...)
		if err := cmd.Start(); err != nil {
			k.Fatal(err)
		}
		time.Sleep(after)
		cmd.Process.Kill()
		if cmd.Wait() == nil {
			break // it was done before it was killed
		}
		between := k.swarmKey()
		if said := k.key(0, rotate...); strings.Contains(said, "had been rotated by a run that was cut off") {
			finished++
			if !k.swarmKey().Equal(between) {
				k.Errorf("killed after %s: it was rotated once more", after)
			}
		}
		k.wantEscrows(before, between, k.swarmKey())
	}
	k.Logf("%d runs finished a rotation that was cut off", finished)
	k.write(k.lab.UnlockKeyFile(), k.swarmKey().Reveal()+"\n")
}

// swarmKey is what the engine says.
func (k keyStory) swarmKey() unlock.Key {
	k.Helper()
	r, err := k.client("m1").SwarmGetUnlockKey(k.Context())
	if err != nil {
		k.Fatal(err)
	}
	key, err := unlock.ParseKey(r.Key)
	if err != nil {
		k.Fatal(err)
	}
	k.keys[r.Key] = true
	return key
}

// testUnlockHangs: without a quorum the engine never answers, and this command
// does, in time.
func (k keyStory) testUnlockHangs(unlock.Key) {
	k.kill("m1", "m2", "m3")
	k.start("m1")
	k.wantStates("locked down down")
	begin := time.Now()
	said := k.key(1, "unlock", "--timeout", "3s")
	if took := time.Since(begin); took < 3*time.Second || took > 6*time.Second {
		k.Errorf("it took %s with a limit of 3 s", took)
	}
	k.wantSaid(said, "m1 timed out", "1 of 1 managers are not unlocked", "hint: the quorum may be lost: `swarmdr quorum` tells")
	// From now on the engine needs 20 s to tell its own state.
	said = k.key(1, append([]string{"unlock", "--timeout", "2s"}, k.managerFlags("m2")...)...)
	k.wantSaid(said, "this one timed out", "m2 failed", "2 of 2 managers are not unlocked", "hint: the quorum may be lost")
}
