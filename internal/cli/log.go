package cli

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

func newLogCommand(s *Streams) *cobra.Command {
	return group("log", "Read the raft log of a manager, without ever writing", newLogVerifyCommand(s), newLogShowCommand(s), newLogStateCommand(s), newLogDiffCommand(s), newLogExportCommand(s), newLogRewindCommand(s))
}

// logOptions are those of every command that reads a log.
type logOptions struct {
	sourceOptions
	outputOptions
	reveal bool
}

func (o *logOptions) AddFlags(c *cobra.Command) {
	o.sourceOptions.AddFlags(c)
	o.outputOptions.AddFlags(c)
	c.Flags().BoolVar(&o.reveal, "reveal", false, "show secrets instead of (redacted)")
}

// openLog opens the source and its log; close the source when done.
func (o *logOptions) openLog(ctx context.Context) (*source, *raftlog.Log, error) {
	if err := o.outputOptions.Validate(); err != nil {
		return nil, nil, err
	}
	src, err := o.openSource(ctx)
	if err != nil {
		return nil, nil, err
	}
	log, err := src.log()
	if err != nil {
		return nil, nil, closeAfter(src, err)
	}
	return src, log, nil
}

// log opens the raft log with the keys of the node key file.
func (s *source) log() (log *raftlog.Log, err error) {
	err = s.settle(func() error {
		log, err = s.logNow()
		return err
	})
	return log, err
}

func (s *source) logNow() (*raftlog.Log, error) {
	log, err := raftlog.Open(s, nil)
	if err != nil || log.Clear() {
		return log, err
	}
	key, err := snapshot.OpenNodeKey(s, s.key)
	if err != nil {
		return nil, err
	}
	return log.With(key.DEKs())
}

// settleTries is how often the log of a live manager is read: its last record may
// be half written, and a file may go meanwhile.
const settleTries = 4

// settle tries again what may fail because the engine writes.
func (s *source) settle(read func() error) error {
	for try := 1; ; try++ {
		err := read()
		if !s.live || !halfWritten(err) || try == settleTries {
			return err
		}
		time.Sleep(time.Duration(try) * 100 * time.Millisecond)
	}
}

// halfWritten tells of errors that reading a live log can end in: a record that
// is half written, a file that was removed, a key that was just replaced.
func halfWritten(err error) bool {
	damage, format := (*raftlog.DamageError)(nil), (*unlock.FormatError)(nil)
	return errors.As(err, &damage) || errors.As(err, &format) ||
		errors.Is(err, fs.ErrNotExist) || errors.Is(err, unlock.ErrCannotDecrypt)
}
