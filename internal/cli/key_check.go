package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// exitOlder tells apart a key that opens what was asked and is out of date.
const exitOlder = 3

type keyCheckOptions struct {
	sourceOptions
	outputOptions
}

func newKeyCheckCommand(s *Streams) *cobra.Command {
	o := keyCheckOptions{}
	c := &cobra.Command{
		Use:   "check",
		Short: "Tell whether the unlock key opens a manager or a snapshot, and whether it is the current one",
		Long: `Tell whether a manager's directory or a snapshot is locked, whether the unlock key
at hand opens it, and whether that is the swarm's current one or an older one.

What the swarm's key is, the living swarm tells, if the docker host is a manager
of it with a leader; else the raft log, if the key opens it; else the history
that ` + "`swarmdr key rotate`" + ` keeps in the state directory. The newest of them
counts. A key is named by its fingerprint and never shown. Nothing is written.

A manager that was down when the key was rotated needs the older key once more,
and a snapshot needs the key of its day for ever. Of a snapshot the manifest
tells which one that is; with an identity the snapshot is opened as well.

Exit codes:
  0    the key opens it and is the current one (or it is not known which is), or it is not locked
  1    failed
  2    bad usage or bad configuration
  3    the key opens it, but the swarm has another one since
  4    unlock key missing, or wrong; or no identity opens the snapshot
  5    damaged, or not what it should be
  6    the store cannot be read
  130  interrupted
`,
		Example: `  swarmdr key check --unlock-key-file /root/unlock.key
  swarmdr key check --dir /mnt/copy/swarm --unlock-key-file /root/old.key -o json
  swarmdr key check --snapshot latest --unlock-key-file /root/unlock.key`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.outputOptions.Validate(); err != nil {
				return err
			}
			return runKeyCheck(c.Context(), s, &o)
		},
	}
	o.sourceOptions.AddFlags(c)
	o.outputOptions.AddFlags(c)
	return c
}

func runKeyCheck(ctx context.Context, s *Streams, o *keyCheckOptions) error {
	r, failed := newKeyReport(ctx, &o.sourceOptions)
	if r == nil {
		return failed
	}
	if err := r.print(s, o.json()); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	return r.verdictError()
}

// verdictError is the exit code of the verdict.
func (r *keyReport) verdictError() error {
	switch r.Verdict {
	case unlock.VerdictOlder:
		return exitStatus{exitOlder}
	case unlock.VerdictMissing:
		return unlock.ErrLocked
	case unlock.VerdictWrong:
		return unlock.ErrWrongKey
	}
	return nil
}
