package lab

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// cgroupPrefix begins the names of the lab's cgroups. It is made from the
// directory, so that labs side by side keep apart.
func (l *Lab) cgroupPrefix() string {
	sum := sha256.Sum256([]byte(l.dir))
	return fmt.Sprintf("/swarmdr-lab-%x-", sum[:4])
}

// cgroups are the lab's directories in all cgroup hierarchies, children before
// their parents.
func (l *Lab) cgroups() ([]string, error) {
	mounts, err := readMounts()
	if err != nil {
		return nil, err
	}
	var found []string
	for _, m := range mounts {
		if !strings.HasPrefix(m.fsType, "cgroup") {
			continue
		}
		tops, err := filepath.Glob(m.point + l.cgroupPrefix() + "*")
		if err != nil {
			return nil, err
		}
		for _, top := range tops {
			found = append(found, directories(top)...)
		}
	}
	slices.Reverse(found)
	return found, nil
}

func directories(top string) []string {
	var all []string
	_ = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			all = append(all, path)
		}
		return nil // one that vanished meanwhile needs no removal
	})
	return all
}

func (l *Lab) removeCgroups() error {
	all, err := l.cgroups()
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range all {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove cgroup: %w", err))
		}
	}
	return errors.Join(errs...)
}
