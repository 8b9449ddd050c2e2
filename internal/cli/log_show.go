package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

type logShowOptions struct {
	logOptions
	filterOptions
	follow bool
}

func newLogShowCommand(s *Streams) *cobra.Command {
	o := logShowOptions{logOptions: logOptions{outputOptions: outputOptions{more: []string{"text"}}}}
	c := &cobra.Command{
		Use:   "show",
		Short: "Show what each entry of the log did",
		Long: `Show the entries of a manager's raft log and what each did, in words. Entries
beyond the commit index on disk, the tail, are marked with *.

-o text adds every field that changed, before and after; -o json writes one entry
a line, with the objects as the swarm keeps them. Secrets are redacted unless
asked for. What an object was before is not known where the log begins behind a
raft snapshot of the engine that is gone.

The filters combine: an entry is shown if one of its changes passes all of them,
and no others of its changes are. Removals, empty entries and membership changes
count to the time of the entry before. --name takes * and ?; the name of a task
is SERVICE.SLOT. --stack takes the tasks of its services as well. Membership
changes are of the kind member.

--follow goes on with what the manager writes until it is interrupted; without
--from or --since it shows nothing older. An entry that a new leader replaced is
shown again.
` + exitHelp,
		Example: `  swarmdr log show
  swarmdr log show --since 2h --kind service --kind node
  swarmdr log show --stack shop --op remove --since "2026-11-21 14:00" -o text
  swarmdr log show --follow --unlock-key-file /root/unlock.key
  swarmdr log show --snapshot latest -i /root/identity.txt -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), s) },
	}
	o.AddFlags(c)
	return c
}

func (o *logShowOptions) AddFlags(c *cobra.Command) {
	o.logOptions.AddFlags(c)
	o.filterOptions.AddFlags(c)
	c.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on with what is written, until interrupted")
	for _, other := range []string{"snapshot", "to", "until"} {
		c.MarkFlagsMutuallyExclusive("follow", other)
	}
}

func (o *logShowOptions) run(ctx context.Context, s *Streams) error {
	f, err := o.filter()
	if err != nil {
		return err
	}
	src, log, err := o.openLog(ctx)
	if err != nil {
		return err
	}
	if o.follow {
		err = runLogFollow(ctx, s, src, log, f, o)
	} else {
		err = runLogShow(ctx, s, log, f, o)
	}
	return closeAfter(src, err)
}

func runLogShow(ctx context.Context, s *Streams, log *raftlog.Log, f *filter, o *logShowOptions) error {
	out := bufio.NewWriterSize(s.Out, outputBytes)
	v := newViewer(f, newEntryPrinter(out, log, o))
	err := errors.Join(v.printer.begin(), v.begin(log, max(f.from, log.FirstIndex())))
	if err == nil {
		err = v.walk(ctx, log, v.next, v.take)
	}
	if err := errors.Join(err, out.Flush()); err != nil {
		return err
	}
	if v.tail && !o.json() {
		fmt.Fprintf(s.Err, "* is beyond the commit index on disk, %d: it may have been acknowledged all the same\n", log.HardState().Commit)
	}
	noteTorn(s, log)
	return nil
}

// outputBytes is what is written at once.
const outputBytes = 256 << 10

func noteTorn(s *Streams, log *raftlog.Log) {
	if torn := log.Torn(); torn != nil {
		fmt.Fprintf(s.Err, "the last record is torn and was never acknowledged: %s at byte %d: %s\n", torn.File, torn.Offset, torn.What)
	}
}
