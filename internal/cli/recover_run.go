package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	recovery "github.com/swarmdr/swarmdr/pkg/recover"
)

func newRecoverRunCommand(s *Streams) *cobra.Command {
	o := recoverOptions{}
	token, wait := "", 10*time.Minute
	c := &cobra.Command{
		Use:   "run --confirm TOKEN",
		Short: "Carry out the plan that the token confirms",
		Long: `Carry out the plan that "recover plan" showed, with the same flags and its token.
It refuses if the evidence has changed since. Each finished step is noted on
disk: after an interruption the same command goes on where it stopped.
` + exitHelp,
		Example: `  swarmdr recover run --confirm k3jx7wq2ma --manager m1=ssh://root@10.0.0.1`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if token == "" {
				return usagef("no --confirm: `swarmdr recover plan` shows the token")
			}
			return runRecoverRun(c.Context(), s, &o, token, wait)
		},
	}
	o.AddFlags(c)
	c.Flags().StringVar(&token, "confirm", "", "`TOKEN` of the plan")
	c.Flags().DurationVar(&wait, "wait", wait, "how long to wait for one manager")
	return c
}

func runRecoverRun(ctx context.Context, s *Streams, o *recoverOptions, token string, wait time.Duration) error {
	t, err := o.open(ctx, s)
	if err != nil {
		return err
	}
	defer t.close()
	if err := recall(ctx, s, t.outage); err != nil {
		return err
	}
	j, err := recovery.Run(ctx, token, recovery.RunOptions{
		Gather: t.gather, Plan: t.plan, Control: t.outage, StateDir: t.cfg.StateDir, Wait: wait,
		Progress: func(text string) { fmt.Fprintln(s.Err, text) },
	})
	if err != nil {
		return err
	}
	if o.json() {
		return writeJSON(s.Out, j)
	}
	return printJournal(s.Out, j)
}
