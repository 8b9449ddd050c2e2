package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/swarmdr/swarmdr/internal/durable"
)

// commandLimit is how long a command may take unless told otherwise. A daemon
// without a leader ignores SIGTERM for minutes; a stop command has to bring it
// down within this.
const commandLimit = 2 * time.Minute

// Commands controls a daemon by two commands of the operator's. They have to
// be idempotent; a stop has to leave the daemon down. They run in a session of
// their own, so that an interrupt typed at swarmdr does not reach them.
type Commands struct {
	StopArgv, StartArgv []string
	Limit               time.Duration // of each; 2 minutes if 0
	// LockFile keeps a start from overtaking a stop whose swarmdr was killed:
	// the stop command holds the lock itself until it ends. Empty: no lock.
	LockFile string
}

// Stop runs StopArgv. See CommandError.
func (c Commands) Stop(ctx context.Context) error {
	lock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Close()
	return c.run(ctx, c.StopArgv, lock)
}

// Start runs StartArgv, once no StopArgv runs any more. See CommandError.
func (c Commands) Start(ctx context.Context) error {
	lock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Close()
	return c.run(ctx, c.StartArgv)
}

// lock is nil without a LockFile.
func (c Commands) lock(ctx context.Context) (*os.File, error) {
	if c.LockFile == "" {
		return nil, nil
	}
	return durable.LockFile(ctx, c.LockFile)
}

// CommandError is a command that failed, with its own words.
type CommandError struct {
	Argv   []string
	Output string // end of stdout and stderr together, at most 4 KiB
	Err    error  // *exec.ExitError, context.DeadlineExceeded, or why it did not run
}

// Error has the command's output on lines of its own.
func (e *CommandError) Error() string {
	text := fmt.Sprintf("run %s: %v", strings.Join(e.Argv, " "), e.Err)
	if e.Output == "" {
		return text
	}
	return text + "\n" + e.Output
}

// Unwrap returns Err.
func (e *CommandError) Unwrap() error { return e.Err }

func (c Commands) run(ctx context.Context, argv []string, inherit ...*os.File) error {
	if len(argv) == 0 {
		return errors.New("run command: none given")
	}
	limit := c.Limit
	if limit <= 0 {
		limit = commandLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out, err := durable.Scratch(os.TempDir())
	if err != nil {
		return err
	}
	defer out.Close()
	if err := runInto(ctx, argv, out, inherit); err != nil {
		return &CommandError{Argv: argv, Output: tail(out), Err: err}
	}
	return nil
}

// runInto gives the command a file and not a pipe: a daemon that a start
// command leaves behind keeps it open, and must not die of it later.
func runInto(ctx context.Context, argv []string, out *os.File, inherit []*os.File) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = out, out, inherit
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err := cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

const tailBytes = 4096

func tail(f *os.File) string {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return ""
	}
	from := max(size-tailBytes, 0)
	data, err := io.ReadAll(io.NewSectionReader(f, from, size-from))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
