package cli

import (
	"context"

	"github.com/spf13/cobra"
	recovery "github.com/swarmdr/swarmdr/pkg/recover"
)

func newRecoverPlanCommand(s *Streams) *cobra.Command {
	o := recoverOptions{}
	c := &cobra.Command{
		Use:   "plan",
		Short: "Show what is wrong and what a recovery would do; change nothing",
		Long: `Look at the survivor that this runs on, its log, its daemon, the ports of all
other voters and the daemons named with --manager; show the situation, the steps
of a recovery, what is kept and what is lost, and the token that confirms just
this plan. Nothing is changed.

Run it on the manager with the newest log. It refuses while a majority of the
managers is alive.
` + exitHelp,
		Example: `  swarmdr recover plan --manager m1=ssh://root@10.0.0.1 --manager m2=ssh://root@10.0.0.2
  swarmdr recover plan --advertise-addr 10.0.9.3`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runRecoverPlan(c.Context(), s, &o) },
	}
	o.AddFlags(c)
	return c
}

func runRecoverPlan(ctx context.Context, s *Streams, o *recoverOptions) error {
	t, err := o.open(ctx, s)
	if err != nil {
		return err
	}
	defer t.close()
	e, err := recovery.Gather(ctx, t.gather)
	if err != nil {
		return err
	}
	p, err := recovery.NewPlan(e, t.plan)
	if err != nil {
		return err
	}
	if o.json() {
		return writeJSON(s.Out, p)
	}
	return printPlan(s.Out, p)
}
