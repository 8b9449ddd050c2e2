package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swarmdr/swarmdr/internal/lab"
)

// TestRecoverOverSSH joins the lost managers again through a real sshd on each
// of their hosts, as docker's own tools reach them.
func TestRecoverOverSSH(t *testing.T) {
	if _, err := os.Stat("/usr/sbin/sshd"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("no sshd: apt-get install openssh-server")
		}
		t.Skip("NOT TESTED: no sshd: apt-get install openssh-server")
	}
	f := newFixture(t, lab.Options{Managers: 3, Autolock: true})
	f.populate("m3")
	f.kill("m1", "m2")
	f.lose([]string{"m1", "m2"})
	f.start("m1", "m2")
	f.sshKeys()
	var flags []string
	for _, name := range []string{"m1", "m2"} {
		f.sshd(name)
		flags = append(flags, "--manager", fmt.Sprintf("%s=ssh://root@%s", name, f.node(name).Address))
	}
	line := "swarmdr recover %s " + strings.Join(flags, " ")
	var p planJSON
	out, code := f.shell("m3", fmt.Sprintf(line, "plan -o json"))
	if code != 0 {
		t.Fatal("no plan")
	}
	f.decode(out, &p)
	if _, code := f.shell("m3", fmt.Sprintf(line, "run --confirm "+p.Token)); code != 0 {
		t.Fatal("no recovery")
	}
	f.wantManagers("m3")
	f.wantKey("m3", true)
}

// sshKeys makes keys, and an ssh that uses them: the one on PATH for f.shell.
func (f *fixture) sshKeys() {
	f.Helper()
	for _, key := range []string{"host_key", "user_key"} {
		f.run(exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(f.dir, key)))
	}
	wrapper := fmt.Sprintf("#!/bin/sh\nexec /usr/bin/ssh -F none -i %[1]s/user_key -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=%[1]s/known \"$@\"\n", f.dir)
	if err := os.WriteFile(filepath.Join(f.dir, "ssh"), []byte(wrapper), 0o755); err != nil {
		f.Fatal(err)
	}
}

// sshd lets root in on a host, whose docker talks to the host's own engine.
func (f *fixture) sshd(name string) {
	f.Helper()
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		f.Fatal(err)
	}
	n := f.node(name)
	conf := filepath.Join(f.dir, name+".sshd")
	f.write(conf, fmt.Sprintf(
		"ListenAddress %s\nHostKey %s/host_key\nAuthorizedKeysFile %s/user_key.pub\nStrictModes no\nUsePAM yes\nPidFile none\n"+
			"PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nSetEnv PATH=%s DOCKER_HOST=%s\n",
		n.Address, f.dir, f.dir, os.Getenv("PATH"), n.DockerHost()))
	cmd := n.Command(f.Context(), "/usr/sbin/sshd", "-D", "-e", "-f", conf)
	if err := cmd.Start(); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}
