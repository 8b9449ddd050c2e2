package keyring_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swarmdr/swarmdr/internal/keyring"
)

func TestEscrow(t *testing.T) {
	identity, recipient := newIdentity(t)
	_, second := newIdentity(t)
	key, dir := generateKey(t), t.TempDir()
	path := filepath.Join(dir, keyring.EscrowName(key))
	must(t, keyring.Escrow(path, key, []string{recipient, second}))
	wantMode(t, path)
	wantOpens(t, path, identity, key)
	if strings.Contains(read(t, path), key.Reveal()[10:]) {
		t.Error("the key is in its escrow")
	}
	before := read(t, path)
	if err := keyring.Escrow(path, key, []string{recipient}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a taken name: %v", err)
	}
	if read(t, path) != before {
		t.Error("an escrow was overwritten")
	}
	if err := keyring.Escrow(filepath.Join(dir, "none"), key, nil); err == nil {
		t.Error("sealed to nobody")
	}
	wantNames(t, dir, filepath.Base(path))
}

func TestWrite(t *testing.T) {
	key, path := generateKey(t), filepath.Join(t.TempDir(), "key")
	must(t, keyring.Write(path, key))
	wantMode(t, path)
	if got, err := keyring.Read(path); err != nil || !got.Equal(key) {
		t.Errorf("read %v", err)
	}
	if err := keyring.Write(path, generateKey(t)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a taken name: %v", err)
	}
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	first, second, third := generateKey(t), generateKey(t), generateKey(t)
	must(t, os.WriteFile(path, []byte(first.Reveal()), 0o644))
	kept1, err := keyring.Replace(path, second)
	must(t, err)
	kept2, err := keyring.Replace(path, third)
	must(t, err)
	for file, want := range map[string]string{path: third.Reveal(), kept1: first.Reveal(), kept2: second.Reveal()} {
		if read(t, file) != want+"\n" {
			t.Errorf("%s holds another key", filepath.Base(file))
		}
		wantMode(t, file)
	}
	if kept, err := keyring.Replace(path, third); err != nil || kept != "" {
		t.Errorf("the same key again: %q, %v", kept, err)
	}
	// Back and forth: what is kept is kept already.
	for _, key := range []int{1, 3} {
		next := second
		if key == 3 {
			next = third
		}
		_, err := keyring.Replace(path, next)
		must(t, err)
	}
	if names, err := filepath.Glob(path + "*"); err != nil || len(names) != 4 {
		t.Errorf("files %v, %v", names, err)
	}
}

// The old key is never lost: where it cannot be kept, nothing is replaced.
func TestReplaceRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	old, key := generateKey(t), generateKey(t)
	if _, err := keyring.Replace(path, key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	must(t, os.WriteFile(path, []byte("swarmdr-canary"), 0o600))
	if _, err := keyring.Replace(path, key); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("no key: %v", err)
	}
	must(t, os.WriteFile(path, []byte(old.Reveal()), 0o600))
	taken := path + "." + strings.TrimPrefix(old.Fingerprint(), "SHA256:")[:12]
	must(t, os.WriteFile(taken, []byte(key.Reveal()), 0o600))
	if _, err := keyring.Replace(path, key); err == nil {
		t.Error("replaced, though another key has the name of the old one")
	}
	if read(t, path) != old.Reveal() {
		t.Error("the old key is gone")
	}
}
