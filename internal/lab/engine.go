package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// findDockerd is the absolute path of the engine to use.
func findDockerd(path string) (string, error) {
	if path != "" {
		return executable(path)
	}
	if found, err := exec.LookPath("dockerd"); err == nil {
		return filepath.Abs(found)
	}
	return executable("/usr/sbin/dockerd")
}

func executable(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
		return "", fmt.Errorf("%w: %s", ErrNoEngine, path)
	}
	return path, nil
}

// enginePath is the daemon's PATH: the tree that dockerd comes from goes first,
// so that an unpacked engine finds its own containerd, shim and proxy. What the
// tree lacks, such as runc, is the system's.
func enginePath(dockerd string) string {
	dir := filepath.Dir(dockerd)
	tree := filepath.Dir(dir)
	dirs := []string{dir, filepath.Join(tree, "sbin"), filepath.Join(tree, "bin")}
	return strings.Join(slices.Compact(dirs), ":") + ":" + systemPath
}

// findIn looks name up in a PATH that is not this process's own.
func findIn(path, name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
}

// engineVersion asks the executable, in the form "20.10.24+dfsg1".
func engineVersion(ctx context.Context, dockerd string) (string, error) {
	out, err := exec.CommandContext(ctx, dockerd, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("run %s --version: %v", dockerd, err)
	}
	return parseVersion(string(out))
}

func parseVersion(line string) (string, error) {
	fields := strings.Fields(line)
	if len(fields) < 3 || fields[0] != "Docker" || fields[1] != "version" {
		return "", fmt.Errorf("parse engine version %q", strings.TrimSpace(line))
	}
	version := strings.TrimSuffix(fields[2], ",")
	if majorVersion(version) == 0 {
		return "", fmt.Errorf("parse engine version %q", strings.TrimSpace(line))
	}
	return version, nil
}

// majorVersion is 0 when version does not begin with a number.
func majorVersion(version string) int {
	digits, _, _ := strings.Cut(version, ".")
	major, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return major
}
