package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/lab"
)

// newLabVerb is a command that does one thing to hosts given by name.
func newLabVerb(s *Streams, c *cobra.Command, do func(context.Context, *lab.Lab, []string) error) *cobra.Command {
	o := labOptions{}
	c.Long += exitHelp
	c.RunE = func(c *cobra.Command, names []string) error {
		l, err := o.load(s)
		if err != nil {
			return err
		}
		return do(c.Context(), l, names)
	}
	o.AddFlags(c)
	return c
}

func newLabKillCommand(s *Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "kill NODE...",
		Short: "Kill the engines of hosts",
		Long: `End dockerd and its containerd on the hosts with SIGKILL, as a crash would. Shims
and containers stay. An engine that is down is no error.
`,
		Example: "  swarmdr lab kill m1 m2",
		Args:    minArgs(1, "NODE..."),
	}
	return newLabVerb(s, c, func(_ context.Context, l *lab.Lab, names []string) error { return l.Kill(names...) })
}

func newLabStopCommand(s *Streams) *cobra.Command {
	limit := time.Duration(0)
	c := &cobra.Command{
		Use:   "stop NODE...",
		Short: "Stop the engines of hosts",
		Long: `Ask dockerd on the hosts to end, and wait. What has not ended after --timeout is
killed, and said so: a locked or leaderless manager does not obey. An engine
that is down is no error.
`,
		Example: "  swarmdr lab stop m1",
		Args:    minArgs(1, "NODE..."),
	}
	c.Flags().DurationVar(&limit, "timeout", lab.StopTimeout, "how long to wait before it is killed")
	return newLabVerb(s, c, func(ctx context.Context, l *lab.Lab, names []string) error {
		return l.Stop(ctx, limit, names...)
	})
}

func newLabStartCommand(s *Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "start NODE...",
		Short: "Start the engines of hosts",
		Long: `Start dockerd on the hosts and wait until it answers. A locked manager stays
locked. An engine that is up is no error.
`,
		Example: "  swarmdr lab start m1",
		Args:    minArgs(1, "NODE..."),
	}
	return newLabVerb(s, c, func(ctx context.Context, l *lab.Lab, names []string) error {
		return l.Start(ctx, names...)
	})
}

func newLabPartitionCommand(s *Streams) *cobra.Command {
	c := &cobra.Command{
		Use:   "partition NODE [OTHER...]",
		Short: "Cut the links between a host and others",
		Long: `Cut the links between a host and each of the others named, or all others. Packets
vanish without an answer, both ways, until ` + "`swarmdr lab heal`" + `.
`,
		Example: `  swarmdr lab partition m1 m2
  swarmdr lab partition m3`,
		Args: minArgs(1, "NODE [OTHER...]"),
	}
	return newLabVerb(s, c, func(_ context.Context, l *lab.Lab, names []string) error {
		return l.Partition(names[0], names[1:]...)
	})
}

func newLabHealCommand(s *Streams) *cobra.Command {
	c := &cobra.Command{
		Use:     "heal [NODE...]",
		Short:   "Mend the cut links of hosts, or all",
		Long:    "Mend the cut links of the named hosts, or all. Where none is cut, nothing is done.\n",
		Example: "  swarmdr lab heal",
	}
	return newLabVerb(s, c, func(_ context.Context, l *lab.Lab, names []string) error { return l.Heal(names...) })
}
