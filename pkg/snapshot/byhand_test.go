package snapshot_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// byHand are the commands of docs/restore-by-hand.md as far as they need no
// engine, in one script, with the reader's own paths replaced.
func byHand(t *testing.T, v vector, dir string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/restore-by-hand.md")
	if err != nil {
		t.Fatal(err)
	}
	unpack, _, found := strings.Cut(string(text), "\n## Put it in place")
	if !found {
		t.Fatal("no such heading")
	}
	var script strings.Builder
	blocks := regexp.MustCompile("(?s)\n```sh\n(.*?)```").FindAllStringSubmatch(unpack, -1)
	for _, block := range blocks {
		script.WriteString(block[1])
	}
	root, err := filepath.Abs(vectorsDir)
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]string{
		"/mnt/backup/CLUSTER/NODE/TIME": filepath.Join(root, v.name, "store", string(v.Name)),
		"/root/identity.txt":            filepath.Join(root, v.Identity),
		"/root/signing.pub":             filepath.Join(root, v.Verifier),
		"/root/restore":                 dir,
	}
	line := script.String()
	for from, to := range own {
		if len(blocks) < 6 || !strings.Contains(line, from) {
			t.Fatalf("%d blocks without %s", len(blocks), from)
		}
		line = strings.ReplaceAll(line, from, to)
	}
	return line
}

// TestRestoreByHand opens the vectors with Debian's packages, by the words of
// docs/restore-by-hand.md. Debian 12 has age 1.1.1.
func TestRestoreByHand(t *testing.T) {
	opened := 0
	for _, v := range vectors(t) {
		if v.Error != "" || v.AgeSince != "" || v.Passphrase != "" {
			continue
		}
		opened++
		t.Run(v.name, func(t *testing.T) {
			dir := t.TempDir()
			if out, err := exec.Command("bash", "-c", byHand(t, v, dir)).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			v.wantProof(t, os.DirFS(filepath.Join(dir, "swarm")))
		})
	}
	if opened < 8 {
		t.Errorf("%d vectors were opened", opened)
	}
}

// A passphrase is asked for on a terminal: script(1) is one.
func TestRestoreByHandWithPassphrase(t *testing.T) {
	for _, v := range vectors(t) {
		if v.Passphrase == "" {
			continue
		}
		dir := t.TempDir()
		lines := strings.ReplaceAll(byHand(t, v, dir), `age -d -i "$identity"`, "age -d")
		file := filepath.Join(dir, "script")
		if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("script", "-qec", "bash "+file, "/dev/null")
		cmd.Stdin = strings.NewReader(string(v.read(t, v.Passphrase)))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		v.wantProof(t, os.DirFS(filepath.Join(dir, "swarm")))
		return
	}
	t.Error("no vector is sealed to a passphrase")
}

func (v vector) wantProof(t *testing.T, fsys fs.FS) {
	t.Helper()
	m, _, err := snapshot.Load(t.Context(), v.store(t), v.Name, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := snapshot.ProveManifest(fsys, m, v.key(t)); err != nil {
		t.Error(err)
	}
}

// The commands stop at what swarmdr refuses, as far as they look.
func TestRestoreByHandRefuses(t *testing.T) {
	broken := []string{
		"truncated", "flipped-byte", "appended", "empty", "wrong-digest", "changed-text", "other-signer", "flipped-byte-described",
		"truncated-described", "truncated-at-a-chunk", "not-sealed", "other-recipient", "zstd-truncated", "zstd-checksum", "zstd-appended",
		"wrong-file", "missing-file", "tar-extra-file", "tar-symlink", "bomb",
	}
	for _, v := range vectors(t) {
		i := slices.Index(broken, v.name)
		if i < 0 {
			continue
		}
		broken = slices.Delete(broken, i, i+1)
		t.Run(v.name, func(t *testing.T) {
			if out, err := exec.Command("bash", "-c", byHand(t, v, t.TempDir())).CombinedOutput(); err == nil {
				t.Errorf("nothing was noticed\n%s", out)
			}
		})
	}
	if len(broken) > 0 {
		t.Errorf("no vector %s", broken)
	}
}
