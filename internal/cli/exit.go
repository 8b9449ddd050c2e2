package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// Exit codes of all commands but quorum, whose codes are those of Nagios.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitRefused     = 3
	exitKey         = 4
	exitDamaged     = 5
	exitStore       = 6
	exitEngine      = 7
	exitInterrupted = 130
)

// exitHelp ends the help of each command that has no codes of its own.
const exitHelp = `
Exit codes:
  0    done
  1    failed
  2    bad usage or bad configuration
  3    refused: it would not be safe
  4    unlock key or identity missing or wrong
  5    damaged, or not what it should be
  6    the store cannot be read or written
  7    the engine did not come back: a person is needed
  130  interrupted
`

// nagiosCodes annotates a command whose exit codes are those of Nagios plugins,
// where 2 is critical: whatever keeps it from an answer is unknown, 3.
const (
	nagiosCodes   = "nagios-codes"
	nagiosUnknown = 3
)

// exitCodeOf is the exit code of the command c that ended with err.
func exitCodeOf(c *cobra.Command, err error) int {
	status := exitStatus{}
	if !errors.As(err, &status) && c.Annotations[nagiosCodes] != "" {
		return nagiosUnknown
	}
	return exitCode(err)
}

var errInterrupted = errors.New("interrupted")

// usageError marks a command line that cannot be carried out as written.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// exitStatus ends the process with Code and prints nothing: the command has
// said all there is to say, or passes on the code of a child.
type exitStatus struct{ Code int }

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", e.Code) }

// report prints err and its hint, if there is one.
func report(s *Streams, err error) {
	if status := (exitStatus{}); errors.As(err, &status) {
		return
	}
	fmt.Fprintf(s.Err, "swarmdr: %v\n", err)
	if h := hint(err); h != "" {
		fmt.Fprintf(s.Err, "hint: %s\n", h)
	}
}
