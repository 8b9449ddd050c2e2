package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// exitRepairable is log verify's own code.
const exitRepairable = 8

func newLogVerifyCommand(s *Streams) *cobra.Command {
	o := logVerifyOptions{}
	c := &cobra.Command{
		Use:   "verify",
		Short: "Check everything that can be checked in a raft log",
		Long: `Check the swarm directory of a manager: that no segment is missing, the chain of
checksums, the order of the entries, the raft snapshot, the commit index, that
every entry is decrypted and fits the objects before it, the node key, the unlock
key, membership and certificates. It goes on behind the first fault, tells where
it is, how far the log is good, and what can still be recovered. It writes
nothing.

--no-key leaves out what needs the unlock key.

Exit codes:
  0    good; there may be warnings
  1    failed
  2    bad usage or bad configuration
  4    locked: the unlock key is missing or wrong; the rest is good
  5    damaged, or no swarm directory of a manager
  6    the store cannot be read
  8    repairable: nothing that was acknowledged is lost
  130  interrupted
`,
		Example: `  swarmdr log verify
  swarmdr log verify --no-key --dir /var/lib/docker/swarm
  swarmdr log verify --snapshot latest -i /root/identity.txt -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), s) },
	}
	o.sourceOptions.AddFlags(c)
	o.outputOptions.AddFlags(c)
	c.Flags().BoolVar(&o.noKey, "no-key", false, "check only what needs no key")
	return c
}

type logVerifyOptions struct {
	sourceOptions
	outputOptions
	noKey bool
}

func (o *logVerifyOptions) run(ctx context.Context, s *Streams) error {
	if err := o.outputOptions.Validate(); err != nil {
		return err
	}
	src, err := o.openSource(ctx)
	if err != nil {
		return err
	}
	report, err := inspectLive(ctx, src, snapshot.InspectOptions{Key: src.key, NoKey: o.noKey, Now: time.Now()})
	if err == nil {
		err = o.print(s, report)
	}
	if err := closeAfter(src, err); err != nil {
		return err
	}
	if code := verifyExit(report.Verdict); code != exitOK {
		return exitStatus{code}
	}
	return nil
}

// inspectLive looks again where something seems wrong: the engine may just have
// been writing.
func inspectLive(ctx context.Context, src *source, o snapshot.InspectOptions) (*snapshot.Inspection, error) {
	for try := 1; ; try++ {
		report, err := snapshot.Inspect(src, o)
		settled := err != nil || report.Verdict == snapshot.StatusOK || report.Verdict == snapshot.StatusLocked
		if settled || !src.live || try == 4 {
			return report, err
		}
		select {
		case <-time.After(time.Duration(try) * 100 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func verifyExit(verdict snapshot.Status) int {
	switch verdict {
	case snapshot.StatusRepairable:
		return exitRepairable
	case snapshot.StatusLocked:
		return exitKey
	case snapshot.StatusDamaged:
		return exitDamaged
	}
	return exitOK
}

func (o *logVerifyOptions) print(s *Streams, r *snapshot.Inspection) error {
	if o.json() {
		return writeJSON(s.Out, r)
	}
	t := newTable(s.Out, "CHECK", "STATUS", "WHAT")
	for _, f := range r.Findings {
		t.row(f.Check, f.Status, f.Detail)
		if f.File != "" {
			t.row("", "", fmt.Sprintf("at %s, byte %d", f.File, f.Offset))
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.Out, "\n%s\n", strings.Join(summary(r), "\n"))
	return err
}

// summary is what a person does next.
func summary(r *snapshot.Inspection) []string {
	lines := []string{"verdict: " + verdictWord(r.Verdict)}
	if r.Last > 0 {
		lines = append(lines, fmt.Sprintf("the log is good from entry %d to %d", r.First, r.Last))
	}
	if r.Recoverable != nil {
		lines = append(lines, fmt.Sprintf("recoverable as of entry %d: %s", r.RecoverableIndex, counts(r.Recoverable)))
	}
	switch r.Verdict {
	case snapshot.StatusRepairable:
		lines = append(lines, "`swarmdr recover plan` makes a manager startable from it; nothing acknowledged is lost")
	case snapshot.StatusLocked:
		lines = append(lines, "give the unlock key with --unlock-key-file or --unlock-key-command")
	case snapshot.StatusDamaged:
		lines = append(lines, "entries behind the damage may be on another manager or in a snapshot: look there first")
	}
	return lines
}

// counts lists the kinds that a person asks for.
func counts(objects map[string]int) string {
	var words []string
	for _, kind := range []raftlog.Kind{raftlog.KindService, raftlog.KindSecret, raftlog.KindConfig, raftlog.KindNetwork, raftlog.KindNode, raftlog.KindTask} {
		words = append(words, fmt.Sprintf("%d %ss", objects[string(kind)], kind))
	}
	return strings.Join(words, ", ")
}

func verdictWord(verdict snapshot.Status) string {
	if verdict == snapshot.StatusOK {
		return "good"
	}
	return string(verdict)
}
