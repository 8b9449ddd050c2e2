package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// EscrowName is the name of a key's escrow in a directory of many.
func EscrowName(key unlock.Key) string { return "unlock-key-" + prefix(key) + ".age" }

// prefix is as much of a fingerprint as tells the keys of a swarm apart.
func prefix(key unlock.Key) string {
	return strings.TrimPrefix(key.Fingerprint(), "SHA256:")[:12]
}

// Escrow seals the key to recipients into a new file at path, reads that back
// and checks it. What does not pass is removed again. fs.ErrExist is in the
// error's tree when path is taken.
func Escrow(path string, key unlock.Key, recipients []string) error {
	sealed, err := key.Escrow(recipients)
	if err != nil {
		return err
	}
	if err := unlock.CheckEscrow(sealed, key, len(recipients)); err != nil {
		return fmt.Errorf("seal unlock key: %w", err)
	}
	return create(path, sealed)
}

// Write writes the key in clear to a new file (0600) at path and reads that
// back. fs.ErrExist is in the error's tree when path is taken.
func Write(path string, key unlock.Key) error {
	return create(path, []byte(key.Reveal()+"\n"))
}

func create(path string, data []byte) error {
	err := durable.CreateFile(path, 0o600, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	return readBack(path, data, durable.RemoveFile)
}

func readBack(path string, want []byte, undo func(string) error) error {
	got, err := os.ReadFile(path)
	if err == nil && !bytes.Equal(got, want) {
		err = errors.New("it holds something else than was written")
	}
	if err != nil {
		return errors.Join(fmt.Errorf("read back %s: %w", path, err), undo(path))
	}
	return nil
}

// Replace puts the key in place of the one that the file at path holds, and
// keeps that one beside it, under the name it returns: older snapshots and
// managers that were down need it. A file that holds the key already stays.
func Replace(path string, key unlock.Key) (kept string, err error) {
	old, err := Read(path)
	if err != nil {
		return "", err
	}
	if old.Equal(key) {
		return "", nil
	}
	kept = path + "." + prefix(old)
	if err := Write(kept, old); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("keep the old unlock key: %w", err)
	}
	if again, err := Read(kept); err != nil || !again.Equal(old) {
		return "", fmt.Errorf("keep the old unlock key: %s holds another one", kept)
	}
	text := []byte(key.Reveal() + "\n")
	if err := durable.WriteFile(path, text, 0o600); err != nil {
		return kept, err
	}
	return kept, readBack(path, text, func(string) error { return nil })
}

// Read reads a key file. Its error never quotes the file.
func Read(path string) (unlock.Key, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return unlock.Key{}, fmt.Errorf("read unlock key: %w", err)
	}
	key, err := unlock.ParseKey(string(data))
	if err != nil {
		return unlock.Key{}, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// writable refuses a path that is taken or whose directory takes no files.
func writable(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("create %s: %w", path, fs.ErrExist)
	}
	probe, err := durable.Scratch(filepath.Dir(path))
	if err != nil {
		return err
	}
	return probe.Close()
}
