package cli

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/lab"
)

type labUpOptions struct {
	labOptions
	outputOptions
	lab lab.Options
}

func newLabUpCommand(s *Streams) *cobra.Command {
	o := labUpOptions{}
	c := &cobra.Command{
		Use:   "up",
		Short: "Make a swarm",
		Long: `Make a swarm of managers and workers and list it. What an earlier lab left in the
same directory is removed first. When something fails, or on Ctrl-C, what was
made is removed.

Every host has the image ` + lab.TaskImage + `, which runs until it is stopped, so
that services have tasks. With --autolock the unlock key is in DIR/unlock.key.
` + exitHelp,
		Example: `  swarmdr lab up --managers 3 --workers 1 --autolock
  swarmdr lab exec m1 -- docker service create --name web --replicas 4 ` + lab.TaskImage,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.Validate(); err != nil {
				return err
			}
			return runLabUp(c.Context(), s, &o)
		},
	}
	o.AddFlags(c)
	return c
}

func (o *labUpOptions) AddFlags(c *cobra.Command) {
	o.labOptions.AddFlags(c)
	o.outputOptions.AddFlags(c)
	f := c.Flags()
	f.IntVar(&o.lab.Managers, "managers", 3, "`COUNT` of managers")
	f.IntVar(&o.lab.Workers, "workers", 0, "`COUNT` of workers")
	f.BoolVar(&o.lab.Autolock, "autolock", false, "lock the managers' keys")
	f.StringVar(&o.lab.Dockerd, "dockerd", "", "`PATH` of the engine (default: dockerd on PATH, then /usr/sbin/dockerd)")
	f.StringVar(&o.lab.Subnet, "subnet", lab.DefaultSubnet, "IPv4 `NETWORK` of the hosts")
	f.BoolVar(&o.lab.KeepOnError, "keep-on-error", false, "leave what was made when something fails")
}

func (o *labUpOptions) Validate() error {
	if err := o.outputOptions.Validate(); err != nil {
		return err
	}
	if o.lab.Managers == 0 {
		return usagef("0 managers: want at least 1")
	}
	if err := o.lab.Validate(); err != nil {
		return usageError{err}
	}
	return nil
}

func runLabUp(ctx context.Context, s *Streams, o *labUpOptions) error {
	o.lab.Dir = o.dir
	if s.Terminal {
		o.lab.Report = s.progress
	}
	l, err := lab.Up(ctx, o.lab)
	if err != nil {
		return err
	}
	return printLab(ctx, s, l, o.json())
}
