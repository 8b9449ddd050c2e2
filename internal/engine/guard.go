package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// StartTime is when a process started, in clock ticks since boot: field 22 of
// /proc/PID/stat (proc(5)). With the pid it names a process for good, for the
// kernel gives pids out again. fs.ErrNotExist is in the tree if it is gone.
func StartTime(pid int) (uint64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, unix.ESRCH) { // it ended between open and read
		err = os.ErrNotExist
	}
	if err != nil {
		return 0, fmt.Errorf("read start of process %d: %w", pid, err)
	}
	t, err := parseStartTime(string(data))
	if err != nil {
		return 0, fmt.Errorf("read start of process %d: %v", pid, err)
	}
	return t, nil
}

// parseStartTime counts fields after the last parenthesis: the second field
// is the command's name, and may hold blanks and parentheses.
func parseStartTime(stat string) (uint64, error) {
	const stateField, startField = 3, 22
	end := strings.LastIndexByte(stat, ')')
	fields := strings.Fields(stat[end+1:])
	if end < 0 || len(fields) <= startField-stateField {
		return 0, errors.New("stat is too short")
	}
	return strconv.ParseUint(fields[startField-stateField], 10, 64)
}

// WaitGone returns when the process with this pid and start time has ended,
// at once if it has already or if the pid belongs to another by now, and with
// ctx's error when that is done first. It needs no tie to the process, and
// Linux 5.3.
func WaitGone(ctx context.Context, pid int, startTime uint64) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open process %d: %w", pid, err)
	}
	defer func() { _ = unix.Close(fd) }()
	// Only now: the descriptor holds the process whose start is read.
	now, err := StartTime(pid)
	if errors.Is(err, os.ErrNotExist) || err == nil && now != startTime {
		return nil
	}
	if err != nil {
		return err
	}
	return waitReadable(ctx, fd)
}

// waitReadable polls in slices, between which it looks at ctx.
func waitReadable(ctx context.Context, fd int) error {
	const slice = 200 * time.Millisecond
	for ctx.Err() == nil {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(slice.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for process: %w", err)
		}
		if n > 0 {
			return nil
		}
	}
	return ctx.Err()
}
