package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/lab"
)

// TestRestoreByHand follows docs/restore-by-hand.md word by word after the only
// manager, autolocked, has lost its disk: from a snapshot to a swarm that
// answers, without swarmdr. Only systemctl is the lab's own. That the commands
// work on every kind of key is tested in package snapshot.
func TestRestoreByHand(t *testing.T) {
	f := newFixture(t, lab.Options{Managers: 1, Autolock: true})
	f.populate("m1")
	kept := f.secrets("m1", "kept", 3)
	name := f.backup("m1", "--mode", "hot").Name
	f.kill("m1")
	f.lose([]string{"m1"})

	restore := filepath.Join(t.TempDir(), "restore")
	own := strings.NewReplacer(
		"/mnt/backup/CLUSTER/NODE/TIME", filepath.Join(f.storeDir(), name),
		"/root/identity.txt", f.identity(),
		"/root/unlock.key", f.lab.UnlockKeyFile(),
		"/root/signing.pub", filepath.Join(f.node("m1").Dir(), "swarmdr", "signing.pub"),
		"/root/restore", restore,
		"/var/lib/docker", f.node("m1").DataRoot(),
	)
	f.followByHand(own)
	f.wantSecrets("m1", kept)
	f.wantKey("m1", true)
	if _, err := os.Stat(restore); err == nil {
		t.Errorf("%s is left", restore)
	}
}

// followByHand runs the commands one script after the other: the engine starts
// and stops in between. The first lines, up to the next cd, set the shell up.
func (f *fixture) followByHand(own *strings.Replacer) {
	f.Helper()
	setup, script := "", ""
	run := func() {
		if out, code := f.shell("m1", setup+script); code != 0 {
			f.Fatalf("%s: exit %d\n%s", script, code, out)
		}
		script = ""
	}
	for _, line := range shellLines(f.T, "docs/restore-by-hand.md") {
		line = own.Replace(line)
		switch {
		case setup == "":
			script += line + "\n"
			if strings.HasPrefix(line, "cd ") {
				setup, script = script, ""
			}
		case strings.HasPrefix(line, "systemctl stop "):
			run()
			f.check(f.lab.Stop(f.Context(), 20*time.Second, "m1"))
		case strings.HasPrefix(line, "systemctl start "):
			run()
			f.start("m1")
		case strings.HasPrefix(line, "docker node ls"):
			run()
			f.eventually("the swarm is back", func() bool {
				_, code := f.shell("m1", line)
				return code == 0
			})
		default:
			script += line + "\n"
		}
	}
	run()
}
