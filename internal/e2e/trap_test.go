package e2e

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/moby/moby/client"
)

// trapLab is a manager that backs up to a real bucket. All that commands said
// is kept.
type trapLab struct {
	*bucket
	said *strings.Builder
	ids  []string // of the secrets that were acknowledged
}

func (l trapLab) with(t *testing.T) trapLab {
	b := *l.bucket
	b.fixture = l.fixture.with(t)
	l.bucket = &b
	return l
}

func (l trapLab) say(code int, args ...string) string {
	l.Helper()
	out, stderr := l.swarmdr(code, append([]string{"-v"}, args...)...)
	l.said.WriteString(out + stderr)
	return out + stderr
}

// TestTraps are ways in which other tools lost backups, those that need an
// engine; the others are in pkg/snapshot and internal/store/s3.
func TestTraps(t *testing.T) {
	l := trapLab{bucket: newBucket(t), said: &strings.Builder{}}
	l.ids = l.secrets("m1", "secret", 3)
	commandLines := watchCommandLines(t)
	t.Run("Trap12AutolockedEngineStaysLocked", func(t *testing.T) { l.with(t).testComesUpUnlocked() })
	t.Run("Trap10TwoAtOnce", func(t *testing.T) { l.with(t).testTwoAtOnce() })
	t.Run("Trap09ToolDiesWhileTheEngineIsStopped", func(t *testing.T) { l.with(t).testToolDies() })
	then := l.unlockKey()
	t.Run("Trap03UnlockKeyRotatedSinceTheBackup", func(t *testing.T) { l.with(t).testKeyRotated() })
	t.Run("Trap15StoreIsReachedWithoutTheSwarm", func(t *testing.T) { l.with(t).testSwarmGone(then) })
	lines := commandLines()
	t.Run("Trap16SecretsInCommandLinesAndOutput", func(t *testing.T) { l.with(t).testSecrets(then, lines) })
}

// labDo stops and starts the engine from another process: a lab throws threads
// away that the S3 server may have been started on, and it would end with them.
func (l trapLab) labDo(verb string) {
	l.Helper()
	l.say(0, "lab", verb, "--dir", l.lab.Dir(), "m1")
}

func (l trapLab) state() string { return l.lab.List(l.Context())[0].State }

func (l trapLab) wantState(want string) {
	l.Helper()
	if got := l.state(); got != want {
		l.Errorf("the manager is %s, want %s", got, want)
	}
}

func (l trapLab) cold() []string {
	return []string{"backup", "--mode", "cold", "--allow-outage", "-r", l.recipient}
}

// The documented cold backup ends in an engine that answers `docker info` and
// is locked (trifo13/mcr-swarm-backup).
func (l trapLab) testComesUpUnlocked() {
	l.labDo("stop")
	l.labDo("start")
	l.eventually("a bare restart leaves it locked", func() bool { return l.state() == "locked" })
	l.say(0, "key", "unlock")
	l.say(0, l.cold()...)
	l.wantState("active")
	l.wantSecrets("m1", l.ids)
}

// startCold returns when the engine is about to be stopped.
func (l trapLab) startCold() *exec.Cmd {
	l.Helper()
	cmd := exec.CommandContext(l.Context(), exe, l.cold()...)
	cmd.Env = append(os.Environ(), "SWARMDR_CONFIG="+l.config, "DOCKER_HOST="+l.node("m1").DockerHost())
	l.check(cmd.Start())
	l.eventually("the engine is about to be stopped", func() bool {
		_, err := os.Stat(l.record("m1"))
		return err == nil
	})
	return cmd
}

func (l trapLab) testTwoAtOnce() {
	first := l.startCold()
	l.check(first.Process.Signal(syscall.SIGSTOP)) // it may be done within a second
	if said := l.say(3, "backup", "--mode", "hot"); !strings.Contains(said, "another swarmdr works on this manager") {
		l.Errorf("the second said\n%s", said)
	}
	l.check(first.Process.Signal(syscall.SIGCONT))
	if err := first.Wait(); err != nil {
		l.Errorf("the first: %v", err)
	}
	l.wantState("active")
	l.wantCount(2)
}

// wantCount counts the snapshots in the bucket, and finds each good.
func (l trapLab) wantCount(want int) {
	l.Helper()
	if n := strings.Count(l.say(0, "snapshot", "list", "-o", "json", "--store", l.url), `"name"`); n != want {
		l.Errorf("%d snapshots in the bucket, want %d", n, want)
	}
	l.say(0, "snapshot", "verify", "--all", "-i", l.identity(), "--store", l.url)
}

// SIGKILL, as from the OOM killer, between stop and start.
func (l trapLab) testToolDies() {
	cmd := l.startCold()
	l.eventually("the engine is down", func() bool { return l.node("m1").PID() == 0 })
	l.check(cmd.Process.Kill())
	if err := cmd.Wait(); err == nil {
		l.Error("the backup was not killed")
	}
	l.eventually("the engine comes up without a person", func() bool {
		_, err := os.Stat(l.record("m1"))
		return errors.Is(err, fs.ErrNotExist)
	})
	l.wantState("active")
	l.wantSecrets("m1", l.ids)
	l.wantCount(2)
}

func (l trapLab) testKeyRotated() {
	l.say(0, "key", "rotate", "-r", l.recipient, "--out", filepath.Join(l.dir, "new.key"))
	now := l.readText(filepath.Join(l.dir, "new.key"))
	flags := []string{"snapshot", "verify", "latest", "-i", l.identity(), "--store", l.url, "--unlock-key-file"}
	if said := l.say(4, append(flags, filepath.Join(l.dir, "new.key"))...); !strings.Contains(said, "needs the unlock key SHA256:") || strings.Contains(said, now) {
		l.Errorf("with the key of today it said\n%s", said)
	}
	l.say(0, append(flags, l.lab.UnlockKeyFile())...)
}

func (l trapLab) readText(path string) string {
	l.Helper()
	text, err := os.ReadFile(path)
	l.check(err)
	return strings.TrimSpace(string(text))
}

// k3s says the same of its Secret: a configuration that is kept in the cluster
// is gone with it. Here the engine is down, its directory and swarmdr's own are
// gone, and there are the environment, the identity and the key of that day.
func (l trapLab) testSwarmGone(then string) {
	l.check(l.lab.Kill("m1"))
	swarm := l.node("m1").SwarmDir()
	l.check(os.RemoveAll(swarm))
	l.check(os.RemoveAll(filepath.Join(l.node("m1").Dir(), "swarmdr")))
	nothing, key := filepath.Join(l.dir, "nothing.yaml"), filepath.Join(l.dir, "then.key")
	l.write(nothing, "state_dir: "+filepath.Join(l.dir, "state")+"\nhost: unix:///nowhere.sock\n")
	l.write(key, then+"\n")

	fetch := exec.CommandContext(l.Context(), exe, "snapshot", "fetch", "latest", "--store", l.url, "-i", l.identity(), "--unlock-key-file", key, "--out", swarm)
	fetch.Env = append(os.Environ(), "SWARMDR_CONFIG="+nothing, "AWS_REGION=us-east-1",
		"AWS_ENDPOINT_URL="+l.configured("endpoint"), "AWS_SHARED_CREDENTIALS_FILE="+l.configured("credentials_file"))
	out, err := fetch.CombinedOutput()
	l.said.Write(out)
	if err != nil {
		l.Fatalf("fetch: %v\n%s", err, out)
	}
	l.labDo("start")
	l.say(0, "key", "unlock", "--unlock-key-file", key)
	l.eventually("it leads", func() bool {
		_, err := l.secret("m1", "after")
		return err == nil
	})
	l.wantSecrets("m1", l.ids)
}

// Keys of the swarm, of the bucket and of the recipient, and what a secret
// holds.
func (l trapLab) testSecrets(then, commandLines string) {
	credentials := regexp.MustCompile(`(?m)^aws_secret_access_key = (.+)$`).FindStringSubmatch(l.readText(l.configured("credentials_file")))
	if credentials == nil {
		l.Fatal("no secret key of the bucket")
	}
	swarm, err := l.client("m1").SwarmInspect(l.Context(), client.SwarmInspectOptions{})
	l.check(err)
	identity := regexp.MustCompile(`AGE-SECRET-KEY-\S+`).FindString(l.readText(l.identity()))
	for what, secret := range map[string]string{
		"the unlock key": then, "the new unlock key": l.readText(filepath.Join(l.dir, "new.key")), "the secret key of the bucket": credentials[1],
		"the identity": identity, "a join token": swarm.Swarm.JoinTokens.Manager, "the content of a secret": canary + "secret-1",
	} {
		if len(secret) < 10 {
			l.Fatalf("%s is %d bytes", what, len(secret))
		}
		for where, text := range map[string]string{"output": l.said.String(), "a command line": commandLines} {
			if strings.Contains(text, secret) || len(text) < 1000 {
				l.Errorf("%s is in %s of %d bytes", what, where, len(text))
			}
		}
	}
}
