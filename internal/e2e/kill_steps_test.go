package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/swarmdr/swarmdr/internal/lab"
	"github.com/swarmdr/swarmdr/internal/store/s3/s3test"
)

// TestKillBackupSteps kills a backup in every step, hot and cold, on its way
// into a directory and into a real S3 server. make matrix kills each step at
// several moments; otherwise of the cold ones, which take long, some steps do,
// and TestBackup/killed for a directory.
func TestKillBackupSteps(t *testing.T) {
	k := newKillRig(t)
	t.Run("hot to file", func(t *testing.T) { k.with(t).killEverywhere("hot", k.store()) })
	t.Run("hot to s3", func(t *testing.T) { k.with(t).killEverywhere("hot", k.url) })
	t.Run("cold to s3", func(t *testing.T) { k.with(t).killEverywhere("cold", k.url) })
	if os.Getenv("SWARMDR_MATRIX") == "all" {
		t.Run("cold to file", func(t *testing.T) { k.with(t).killEverywhere("cold", k.store()) })
	}
}

// killRig is a swarm with one manager, a state that takes some time to store,
// and a bucket.
type killRig struct {
	*bucket
	server *s3test.Server
}

func newKillRig(t *testing.T) *killRig {
	t.Helper()
	f := newFixture(t, lab.Options{Managers: 1, Autolock: true})
	k := &killRig{&bucket{fixture: f, config: filepath.Join(f.dir, "config.yaml")}, s3test.MinIO(t)}
	k.url = "s3://" + k.server.LockBucket(t) + "/swarm"
	config, err := os.ReadFile(k.node("m1").ConfigFile())
	k.noError(err)
	k.write(k.config, fmt.Sprintf("%srecipients: [%s]\nstores:\n- url: %s\n  endpoint: %s\n  credentials_file: %s\n"+
		"  lock_mode: governance\n  lock_for: 1h\n  part_size: 5MiB\n  upload_limit: 10MiB\n",
		config, k.recipient, k.url, k.server.Endpoint, k.server.CredentialsFile))
	k.fill(12 << 20)
	return k
}

func (k *killRig) with(t *testing.T) *killRig {
	b := *k.bucket
	b.fixture = b.fixture.with(t)
	return &killRig{&b, k.server}
}

// fill brings that many bytes into the log.
func (k *killRig) fill(size int) {
	k.Helper()
	c := k.client("m1")
	defer c.Close()
	const each = 400 << 10
	for i := range size / each {
		_, err := c.SecretCreate(k.Context(), client.SecretCreateOptions{Spec: swarm.SecretSpec{
			Annotations: swarm.Annotations{Name: fmt.Sprintf("fill-%d", i)}, Data: []byte(strings.Repeat(canary, each/len(canary))),
		}})
		k.noError(err)
	}
}

// killEverywhere kills one run after another, each a little later, and after
// each looks at what is left and lets a run pass.
func (k *killRig) killEverywhere(mode, url string) {
	args := []string{"backup", "-v", "-o", "json", "--mode", mode, "--allow-outage", "--store", url}
	stored := []string{k.pass(args)}
	steps := k.watch(args, func(int) {}, nil)
	for i, step := range steps {
		for _, part := range killParts(mode, i, len(steps)) {
			after := time.Duration(float64(step.length) * part)
			k.killIn(args, i, after)
			k.wantSound(url)
			stored = append(stored, k.pass(args))
			k.wantAll(url, stored)
		}
	}
	k.wantClean(url)
}

// killParts are the moments of a step, as parts of its length. The last step is
// the way to the store.
func killParts(mode string, step, steps int) []float64 {
	all := os.Getenv("SWARMDR_MATRIX") == "all"
	switch {
	case all && mode == "hot":
		return []float64{0, 0.3, 0.6, 0.9}
	case all:
		return []float64{0.1, 0.7}
	case mode == "cold" && step%3 != 2:
		return nil
	case step == steps-1:
		return []float64{0.3, 0.8}
	}
	return []float64{0.5}
}

// step is a progress line and how long it was before the next.
type step struct {
	text   string
	length time.Duration
}

func (k *killRig) command(args []string) *exec.Cmd {
	c := exec.CommandContext(k.Context(), exe, args...)
	c.Env = append(os.Environ(), "SWARMDR_CONFIG="+k.config, "DOCKER_HOST="+k.node("m1").DockerHost())
	return c
}

// pass runs a backup that is left alone, and returns its name.
func (k *killRig) pass(args []string) string {
	k.Helper()
	var d delivery
	out, _ := k.swarmdr(0, args...)
	k.decode(out, &d)
	if d.Spooled {
		k.Errorf("kept in the spool: %+v", d)
	}
	return d.Name
}

// watch runs a backup and tells begun of each step that begins, by number.
func (k *killRig) watch(args []string, begun func(int), started func(*exec.Cmd)) []step {
	k.Helper()
	cmd := k.command(args)
	stderr, err := cmd.StderrPipe()
	k.noError(err)
	k.noError(cmd.Start())
	if started != nil {
		started(cmd)
	}
	steps := readSteps(stderr, begun)
	if err := cmd.Wait(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		k.Fatal(err)
	}
	return steps
}

func readSteps(stderr io.Reader, begun func(int)) []step {
	var steps []step
	last := time.Now()
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		_, text, ok := strings.Cut(lines.Text(), "level=INFO msg=")
		if !ok {
			continue
		}
		if len(steps) > 0 {
			steps[len(steps)-1].length = time.Since(last)
		}
		last = time.Now()
		steps = append(steps, step{text: text})
		begun(len(steps) - 1)
	}
	if len(steps) > 0 {
		steps[len(steps)-1].length = time.Since(last)
	}
	return steps
}

// killIn kills a backup so long after the step of that number began.
func (k *killRig) killIn(args []string, at int, after time.Duration) {
	k.Helper()
	var run *exec.Cmd
	steps := k.watch(args, func(i int) {
		if i == at {
			time.Sleep(after)
			if err := run.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				k.Errorf("kill: %v", err)
			}
		}
	}, func(cmd *exec.Cmd) { run = cmd })
	if len(steps) <= at {
		k.Fatalf("no step %d: %v", at, steps)
	}
	k.Logf("killed %v after %s: %v", after.Round(time.Millisecond), steps[at].text, run.ProcessState)
}
