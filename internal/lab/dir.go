package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/swarmdr/swarmdr/internal/durable"
)

// A unix socket's path has room for 107 bytes. The longest below DIR is
// m99/exec/libnetwork/ID.sock with an ID of 12 digits.
const maxDir = 107 - len("/w99/exec/libnetwork/0123456789ab.sock")

// resolve makes dir absolute and follows symbolic links, because mounts are
// listed by their real paths. What does not exist yet keeps its name.
func resolve(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("resolve %s: %v", dir, err)
	}
	target, err := filepath.EvalSymlinks(abs)
	if err == nil {
		return target, nil
	}
	if !errors.Is(err, fs.ErrNotExist) || abs == "/" {
		return "", fmt.Errorf("resolve %s: %v", dir, err)
	}
	parent, err := resolve(filepath.Dir(abs))
	if err != nil {
		return "", err
	}
	return filepath.Join(parent, filepath.Base(abs)), nil
}

func checkDir(dir string) error {
	if len(dir) > maxDir {
		return fmt.Errorf("directory %s: %d bytes long, want at most %d (paths of unix sockets are short)", dir, len(dir), maxDir)
	}
	if strings.ContainsAny(dir, ":,= \t\n\"\\") {
		return fmt.Errorf("directory %q: has a character that mount options and URLs give a meaning to", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read lab: %v", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%w: %s", ErrNotOurs, dir)
	}
	return nil
}

// makeDir makes dir and says which is the topmost directory it had to make,
// "" when dir was there.
func makeDir(dir string) (made string, err error) {
	for p := dir; !exists(p); p = filepath.Dir(p) {
		made = p
	}
	return made, durable.MkdirAll(dir)
}

// removeDirs removes dir and its parents up to top, as far as they are empty.
func removeDirs(dir, top string) error {
	if top == "" {
		return nil
	}
	for p := dir; below(p, top); p = filepath.Dir(p) {
		err := os.Remove(p)
		if errors.Is(err, fs.ErrExist) {
			return nil // not empty: somebody else uses it
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
