package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/swarmdr/swarmdr/internal/lab"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// shellLines are the commands of a document: the lines of its sh blocks.
func shellLines(t *testing.T, path string) []string {
	t.Helper()
	lines := commands(document(t, path))
	if len(lines) == 0 {
		t.Fatalf("no commands in %s", path)
	}
	return lines
}

func document(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks are the contents of those of one language.
func blocks(text, language string) []string {
	var all []string
	for _, block := range regexp.MustCompile("(?s)\n```"+language+"\n(.*?)```").FindAllStringSubmatch(text, -1) {
		all = append(all, block[1])
	}
	return all
}

func commands(text string) []string {
	var lines []string
	for _, block := range blocks(text, "sh") {
		for line := range strings.Lines(block) {
			line, _, _ = strings.Cut(line, " # ")
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// storesInReadme is the section of the README that needs a bucket, and the rest
// of it.
func storesInReadme(t *testing.T) (section, rest string) {
	t.Helper()
	before, after, found := strings.Cut(document(t, "README.md"), "\n## Backups that can be trusted\n")
	section, end, ended := strings.Cut(after, "\n## ")
	if !found || !ended {
		t.Fatal("the README has no such section")
	}
	return section, before + "\n## " + end
}

// shell runs a line as on that host, in the directory of the fixture, and
// returns what it said on stdout, and its exit code.
func (f *fixture) shell(node, line string) (string, int) {
	f.Helper()
	cmd := f.node(node).Command(f.Context(), "bash", "-c", line)
	cmd.Dir = f.dir
	cmd.Env = append(cmd.Env, strings.Join([]string{"PATH=" + f.dir, filepath.Dir(exe), "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}, ":"))
	var out, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		f.Fatalf("%s: %v", line, err)
	}
	f.Logf("[%s] %s: exit %d\n%s%s", node, line, cmd.ProcessState.ExitCode(), out.String(), stderr.String())
	return out.String(), cmd.ProcessState.ExitCode()
}

// TestRunbookQuorumLost follows docs/runbooks/quorum-lost.md word by word, but
// for two: the lab's hosts have no sshd, so a manager's docker host is the
// socket of its engine (ssh:// is tested in package engine); and TOKEN is the
// one that the plan printed.
func TestRunbookQuorumLost(t *testing.T) {
	f := newFixture(t, lab.Options{Managers: 3, Workers: 1, Autolock: true})
	f.populate("m1")
	f.kill("m1", "m2")
	f.lose([]string{"m1", "m2"})
	f.eventually("the quorum is seen to be lost", func() bool {
		_, _, code := f.try("m3", "quorum")
		return code == 2
	})
	token := "TOKEN"
	lost := true
	for _, line := range shellLines(t, "docs/runbooks/quorum-lost.md") {
		line = strings.NewReplacer(
			"ssh://root@m1", f.node("m1").DockerHost(),
			"ssh://root@m2", f.node("m2").DockerHost(),
			"TOKEN", token,
		).Replace(line)
		if strings.HasPrefix(line, "swarmdr recover run") {
			f.start("m1", "m2")
		}
		out, code := f.shell("m3", line)
		want := 0
		if line == "swarmdr quorum" && lost {
			want = 2
		}
		if code != want {
			t.Fatalf("%s: exit %d, want %d", line, code, want)
		}
		if found := regexp.MustCompile(`--confirm (\S+),`).FindStringSubmatch(out); found != nil {
			token = found[1]
		}
		lost = lost && !strings.HasPrefix(line, "swarmdr recover run")
	}
	if lost {
		t.Error("the runbook has no recovery")
	}
	f.wantManagers("m3")
	f.wantKey("m3", true)
}

// TestReadme runs the commands of the README: those of a first backup on a
// manager of a lab, and those of the lab itself. What is particular to a
// reader's machine is replaced; recoveries are in the runbook's test, and the
// make targets are what runs this. TestReadmeStores does the section of stores.
func TestReadme(t *testing.T) {
	f := newFixture(t, lab.Options{Managers: 3, Autolock: true})
	config, err := os.ReadFile(f.node("m2").ConfigFile())
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(f.dir, "config.yaml")
	f.write(own, string(config)+"stores: ["+f.store()+"]\n")
	if err := os.Remove(f.identity()); err != nil {
		t.Fatal(err)
	}
	unlock := f.lab.UnlockKeyFile()
	rehearsal := filepath.Join(filepath.Dir(f.lab.Dir()), "rehearsal")
	t.Cleanup(func() {
		if out, err := exec.Command(exe, "lab", "down", "--dir", rehearsal).CombinedOutput(); err != nil {
			t.Errorf("lab down: %v\n%s", err, out)
		}
	})
	ran := 0
	recipient := ""
	_, rest := storesInReadme(t)
	for _, line := range commands(rest) {
		if !strings.HasPrefix(line, "swarmdr ") || strings.Contains(line, "root@10.0.0.1") {
			continue
		}
		line = strings.NewReplacer(
			"/root/unlock.key", unlock, "file unlock.key", "file "+unlock, "age1...", recipient,
			"swarmdr lab exec", "swarmdr lab exec --dir "+rehearsal,
		).Replace(line)
		if strings.HasPrefix(line, "swarmdr lab ") && !strings.Contains(line, "--dir") {
			line += " --dir " + rehearsal
		}
		if !strings.HasPrefix(line, "swarmdr lab ") {
			line = "SWARMDR_CONFIG=" + own + " " + line
		}
		out, code := f.shell("m2", line)
		if code != 0 {
			t.Errorf("%s: exit %d", line, code)
		}
		if strings.Contains(line, "key new") {
			recipient = strings.TrimSpace(out)
		}
		ran++
	}
	if ran < 17 {
		t.Errorf("%d commands of the README were run, want 17 or more", ran)
	}
}

// TestReadmeStores runs the configuration and the commands of the README's
// section about stores, on a manager with a directory and a real bucket. What
// is particular to a reader's place is replaced.
func TestReadmeStores(t *testing.T) {
	b := newBucket(t)
	section, _ := storesInReadme(t)
	_, verifier, err := snapshot.GenerateSigner("swarmdr/m1")
	b.noError(err)
	own := strings.NewReplacer(
		"s3://swarm-backups/prod", b.url, "https://s3.example.com", b.configured("endpoint"),
		"/etc/swarmdr/s3-credentials", b.configured("credentials_file"), "swarmdr/m1+VERIFIER", verifier,
		"/mnt/backup", filepath.Join(b.dir, "mnt"), "age1...", b.recipient,
		"file unlock.key", "file "+b.lab.UnlockKeyFile(),
	)
	example := blocks(section, "yaml")
	if len(example) != 1 {
		t.Fatalf("%d configurations in the section", len(example))
	}
	config, err := os.ReadFile(b.node("m1").ConfigFile())
	b.noError(err)
	b.write(b.config, string(config)+own.Replace(example[0]))
	lines := commands(section)
	for _, line := range lines {
		if code := b.shellOutside(own.Replace(line)); code != 0 {
			t.Errorf("%s: exit %d", line, code)
		}
	}
	if len(lines) < 12 {
		t.Errorf("%d commands, want 12 or more", len(lines))
	}
}

// shellOutside runs a line where the bucket can be reached.
func (b *bucket) shellOutside(line string) int {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), "bash", "-c", line)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "SWARMDR_CONFIG="+b.config, "DOCKER_HOST="+b.node("m1").DockerHost(), "PATH="+filepath.Dir(exe)+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		b.Fatal(err)
	}
	b.Logf("%s: exit %d\n%s", line, cmd.ProcessState.ExitCode(), out)
	return cmd.ProcessState.ExitCode()
}

// configured is a field of the bucket in the configuration.
func (b *bucket) configured(field string) string {
	b.Helper()
	text, err := os.ReadFile(b.config)
	b.noError(err)
	found := regexp.MustCompile(`(?m)^  ` + field + `: (.*)$`).FindStringSubmatch(string(text))
	if found == nil {
		b.Fatalf("no %s in the configuration", field)
	}
	return found[1]
}
