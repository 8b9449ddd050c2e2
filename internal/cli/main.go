// Package cli is swarmdr's command line: one file a command. It parses flags,
// calls the packages below it, prints their answers, and turns their errors
// into hints and exit codes. Cobra is imported here alone.
package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Main runs one command line and returns the exit code of the process.
func Main(args []string, s *Streams) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	root := newRootCommand(s)
	root.SetArgs(args)
	ran := false
	noteRuns(root, &ran)
	c, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if !ran {
		err = usageError{err}
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	report(s, err)
	return exitCodeOf(c, err)
}

// noteRuns has each command below c note that it runs: an error before that is
// one of usage, whichever part of cobra found it.
func noteRuns(c *cobra.Command, ran *bool) {
	for _, sub := range c.Commands() {
		noteRuns(sub, ran)
	}
	run := c.RunE
	if run == nil {
		return
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		*ran = true
		return run(c, args)
	}
}

func newRootCommand(s *Streams) *cobra.Command {
	verbose := false
	root := &cobra.Command{
		Use:   "swarmdr",
		Short: "Keeps the control plane of a Docker Swarm recoverable",
		Long: `swarmdr watches the quorum of a Docker Swarm, takes backups of its managers
without endangering it, proves each backup by decrypting and replaying it, and
rebuilds the managers from what is left, autolocked or not.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRun: func(*cobra.Command, []string) {
			slog.SetDefault(newLogger(s, verbose))
		},
	}
	root.SetIn(s.In)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetHelpFunc(printHelp)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.PersistentFlags().BoolVarP(&verbose, "verbose", "v", false, "log what is done to stderr")
	root.AddCommand(
		newQuorumCommand(s),
		newBackupCommand(s),
		newSnapshotCommand(s),
		newStoreCommand(s),
		newLogCommand(s),
		newKeyCommand(s),
		newRecoverCommand(s),
		newLabCommand(s),
		newVersionCommand(s),
		newGuardCommand(s),
	)
	return root
}

func newLogger(s *Streams, verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(s.Err, &slog.HandlerOptions{Level: level}))
}

// group is a command that only holds others: it shows its help, and an unknown
// name below it is an error instead of silence.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use:   use,
		Short: short,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return usageError{fmt.Errorf("unknown command %q for %q", args[0], c.CommandPath())}
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(commands...)
	return c
}
