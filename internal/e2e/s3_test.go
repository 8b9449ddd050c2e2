package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"

	"github.com/swarmdr/swarmdr/internal/lab"
	"github.com/swarmdr/swarmdr/internal/store/s3/s3test"
)

// bucket is a swarm with one manager that backs up to a real S3 server, which
// can be cut off, and to a directory.
type bucket struct {
	*fixture
	url    string
	config string
	cable  *toxiproxy.Proxy
}

func newBucket(t *testing.T) *bucket {
	t.Helper()
	b := &bucket{fixture: newFixture(t, lab.Options{Managers: 1, Autolock: true})}
	server := s3test.MinIO(t)
	b.url = "s3://" + server.LockBucket(t) + "/swarm"
	server, b.cable = s3test.Toxiproxy(t, server)
	config, err := os.ReadFile(b.node("m1").ConfigFile())
	if err != nil {
		t.Fatal(err)
	}
	b.config = filepath.Join(b.dir, "config.yaml")
	text := fmt.Sprintf("%srecipients: [%s]\nstores:\n- url: %s\n  endpoint: %s\n  credentials_file: %s\n  lock_mode: governance\n  lock_for: 1h\n- %s\n",
		config, b.recipient, b.url, server.Endpoint, server.CredentialsFile, b.store())
	if err := os.WriteFile(b.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

// swarmdr runs where the S3 server can be reached: outside of the lab's network.
func (b *bucket) swarmdr(code int, args ...string) (stdout, stderr string) {
	b.Helper()
	c := exec.CommandContext(b.Context(), exe, args...)
	c.Env = append(os.Environ(), "SWARMDR_CONFIG="+b.config, "DOCKER_HOST="+b.node("m1").DockerHost())
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); c.ProcessState == nil {
		b.Fatal(err)
	}
	if got := c.ProcessState.ExitCode(); got != code {
		b.Fatalf("swarmdr %s: exit %d, want %d\n%s%s", strings.Join(args, " "), got, code, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

func (b *bucket) noError(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

type delivery struct {
	Name    string `json:"name"`
	Spooled bool   `json:"spooled"`
	Stores  []struct {
		URL   string `json:"url"`
		Error string `json:"error"`
	} `json:"stores"`
}

func (b *bucket) backup(code int, more ...string) delivery {
	b.Helper()
	var d delivery
	out, _ := b.swarmdr(code, append([]string{"backup", "-o", "json"}, more...)...)
	b.decode(out, &d)
	return d
}

func (b *bucket) wantStored(store string, want ...string) {
	b.Helper()
	out, _ := b.swarmdr(0, "snapshot", "list", "--store", store, "-o", "json")
	var entries []struct {
		Name string `json:"name"`
	}
	b.decode(out, &entries)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	if strings.Join(names, " ") != strings.Join(want, " ") {
		b.Errorf("%s holds %s, want %s", store, names, want)
	}
}

// TestBackupToS3 backs up to a bucket and a directory, loses the bucket, and
// delivers later what it did not take.
func TestBackupToS3(t *testing.T) {
	b := newBucket(t)
	b.swarmdr(0, "store", "check")
	first := b.backup(0, "--mode", "hot")
	b.wantStored(b.url, first.Name)
	b.wantStored(b.store(), first.Name)

	b.noError(b.cable.Disable())
	second := b.backup(6, "--mode", "hot")
	if !second.Spooled || second.Stores[0].Error == "" || second.Stores[1].Error != "" {
		t.Errorf("with the bucket out of reach: %+v", second)
	}
	b.wantStored(b.store(), first.Name, second.Name)
	if _, stderr := b.swarmdr(6, "store", "check", "--store", b.url); stderr != "" {
		t.Errorf("store check said %s", stderr)
	}
	b.noError(b.cable.Enable())
	b.wantStored(b.url, first.Name)

	third := b.backup(0, "--mode", "cold", "--allow-outage")
	b.wantStored(b.url, first.Name, second.Name, third.Name)
	b.wantStored(b.store(), first.Name, second.Name, third.Name)
	if third.Spooled {
		t.Errorf("kept in the spool: %+v", third)
	}
	b.wantStored("file://" + filepath.Join(b.node("m1").Dir(), "swarmdr", "spool"))
	b.wantRestorable(second.Name)
	b.wantLocked(first.Name)

	fourth := b.backup(6, "--mode", "hot", "--store", "file:///dev/null/none", "--store", b.store())
	if fourth.Stores[0].URL != b.store() || fourth.Stores[1].Error == "" {
		t.Errorf("with a first store that cannot be written: %+v", fourth)
	}
	b.wantStored(b.store(), first.Name, second.Name, third.Name, fourth.Name)
}

// wantRestorable reads a snapshot in the bucket in every way.
func (b *bucket) wantRestorable(name string) {
	b.Helper()
	opened := filepath.Join(b.dir, "opened")
	b.swarmdr(0, "snapshot", "verify", name, "-i", b.identity())
	b.swarmdr(0, "snapshot", "verify", "--all", "-i", b.identity())
	b.swarmdr(0, "snapshot", "fetch", name, "-i", b.identity(), "--out", opened)
	b.swarmdr(0, "log", "verify", "--dir", opened)
	b.swarmdr(0, "log", "verify", "--snapshot", name, "-i", b.identity())
	b.swarmdr(0, "snapshot", "copy", name, "--to", "file://"+filepath.Join(b.dir, "copy"))
}

// wantLocked finds that the bucket does not let go of a snapshot, which is no
// failure.
func (b *bucket) wantLocked(name string) {
	b.Helper()
	out, _ := b.swarmdr(0, "snapshot", "expire", "--keep-last", "1", "--delete", "--allow-shrink")
	if !strings.Contains(out, name) || !strings.Contains(out, "locked") {
		b.Errorf("expire of what is locked:\n%s", out)
	}
	out, _ = b.swarmdr(0, "snapshot", "show", name)
	if !strings.Contains(out, "\n  locked ") {
		b.Errorf("show of what is locked:\n%s", out)
	}
}
