package lab

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mount is one line of /proc/self/mountinfo.
type mount struct{ point, fsType string }

func readMounts() ([]mount, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("read mounts: %v", err)
	}
	return parseMounts(string(data)), nil
}

// parseMounts reads lines of the form
//
//	ID PARENT DEVICE ROOT POINT OPTIONS [OPTIONAL…] - TYPE SOURCE SUPEROPTIONS
//
// (proc_pid_mountinfo(5)) and leaves out what is not of that form.
func parseMounts(text string) []mount {
	var all []mount
	for line := range strings.Lines(text) {
		left, right, ok := strings.Cut(line, " - ")
		fields, tail := strings.Fields(left), strings.Fields(right)
		if !ok || len(fields) < 6 || len(tail) < 1 {
			continue
		}
		all = append(all, mount{point: unescape(fields[4]), fsType: tail[0]})
	}
	return all
}

// unescape undoes the octal escapes of blanks and backslashes.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	out := &strings.Builder{}
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

func below(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// mountsBelow are this process's mounts below dir, those made last first.
func mountsBelow(dir string) ([]mount, error) {
	all, err := readMounts()
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(m mount) bool { return !below(m.point, dir) })
	slices.Reverse(all)
	return all, nil
}

// unmountBelow takes away all mounts below dir. It has to succeed before a file
// there is removed: a mount that stayed would lead out of the directory.
func unmountBelow(dir string) error {
	mounts, err := mountsBelow(dir)
	if err != nil {
		return err
	}
	for _, m := range mounts {
		if unix.Unmount(m.point, 0) != nil {
			_ = unix.Unmount(m.point, unix.MNT_DETACH)
		}
	}
	left, err := mountsBelow(dir)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("unmount %s: still mounted", left[0].point)
	}
	return nil
}
