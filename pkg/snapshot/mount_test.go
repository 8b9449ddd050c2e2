package snapshot_test

import (
	"testing"

	"golang.org/x/sys/unix"
)

// tmpfs mounts a file system of that size, such as "16k"; it needs root, as
// all of make test does.
func tmpfs(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}
