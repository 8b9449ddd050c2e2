package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// CreateDir makes a new directory, complete or not at all, and never replaces
// one: fs.ErrExist is in the error's tree when path is taken. fill gets an empty
// directory beside it (0700), which is synced and renamed when fill is done. A
// killed writer leaves that; the next one of the same path removes it.
func CreateDir(path string, fill func(dir string) error) (err error) {
	path = filepath.Clean(path)
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("create %s: %w", path, fs.ErrExist)
	}
	if err := removeStale(path); err != nil {
		return err
	}
	prefix := fmt.Sprintf("%s%s-%d-*", Partial, filepath.Base(path), os.Getpid())
	partial, err := os.MkdirTemp(filepath.Dir(path), prefix)
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(partial))
		}
	}()
	if err := fill(partial); err != nil {
		return err
	}
	if err := SyncTree(partial); err != nil {
		return err
	}
	if err := renameNoReplace(partial, path); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return SyncDir(filepath.Dir(path))
}

// removeStale removes what writers of path left that are no longer alive.
func removeStale(path string) error {
	prefix := Partial + filepath.Base(path) + "-"
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), prefix)
		pid, _, _ := strings.Cut(rest, "-")
		writer, err := strconv.Atoi(pid)
		if !ok || err != nil || writer <= 0 || !e.IsDir() || alive(writer) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(filepath.Dir(path), e.Name())); err != nil {
			return fmt.Errorf("remove what a killed writer left: %w", err)
		}
	}
	return nil
}

// alive may take another process for the writer; then what it left stays until
// that one has ended.
func alive(pid int) bool {
	return !errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}
