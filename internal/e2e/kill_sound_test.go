package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func (k *killRig) stateDir() string { return filepath.Join(k.node("m1").Dir(), "swarmdr") }

// wantSound is what a killed backup may leave: a manager that is well, no
// plaintext, and in the store nothing that passes for a snapshot and is none.
func (k *killRig) wantSound(url string) {
	k.Helper()
	k.eventually("the engine is up and its record gone", func() bool {
		_, err := os.Stat(filepath.Join(k.stateDir(), "engine-down.json"))
		if !errors.Is(err, fs.ErrNotExist) {
			return false
		}
		var q struct{ Reachable int }
		out, _ := k.command([]string{"quorum", "-o", "json"}).Output() // it exits with 1: the loss of one is that of the swarm
		return json.Unmarshal(out, &q) == nil && q.Reachable == 1
	})
	for _, dir := range []string{k.stateDir(), k.storeDir(), k.server.Dir} {
		k.wantNoPlaintext(dir)
	}
	k.swarmdr(0, "snapshot", "verify", "--all", "-i", k.identity(), "--store", url)
}

// wantNoPlaintext looks into every file.
func (k *killRig) wantNoPlaintext(dir string) {
	k.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(canary)) || bytes.Contains(data, []byte("PRIVATE KEY-----")) || bytes.Contains(data, []byte("SWMKEY-")) {
			k.Errorf("plaintext in %s", path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.Error(err)
	}
}

// wantAll finds the snapshots that were reported as stored. What a killed run
// had completed but for its report may be there too.
func (k *killRig) wantAll(url string, names []string) {
	k.Helper()
	out, _ := k.swarmdr(0, "snapshot", "list", "-o", "json", "--store", url)
	for _, name := range names {
		if !strings.Contains(out, `"`+name+`"`) {
			k.Errorf("%s is not in the store", name)
		}
	}
}

// wantClean looks for what the last run, which was not killed, should have
// taken away: in the spool, in the state directory, in the bucket.
func (k *killRig) wantClean(url string) {
	k.Helper()
	k.wantNoFiles(filepath.Join(k.stateDir(), "spool"))
	k.wantNoFiles(filepath.Join(k.server.Dir, ".minio.sys", "multipart")) // its listing tells of no prefix
	out, _ := k.swarmdr(0, "snapshot", "verify", "--all", "-i", k.identity(), "--store", url)
	k.Logf("in the end:\n%s", out)
}

func (k *killRig) wantNoFiles(dir string) {
	k.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			k.Errorf("%s was left", path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.Error(err)
	}
}
