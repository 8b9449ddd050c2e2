package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/lab"
)

func newLabCommand(s *Streams) *cobra.Command {
	c := group("lab", "A real swarm on this machine, to try and to rehearse",
		newLabUpCommand(s),
		newLabListCommand(s),
		newLabExecCommand(),
		newLabKillCommand(s),
		newLabStopCommand(s),
		newLabStartCommand(s),
		newLabPartitionCommand(s),
		newLabHealCommand(s),
		newLabDownCommand(s),
		newLabTaskCommand(s),
	)
	c.Long = `Make a real swarm on this machine: each host is a dockerd of its own in network
and UTS namespaces of its own, and everything swarmdr does can be done to it.

Managers are called m1, m2, …, workers w1, w2, …. Several labs stand side by
side in different directories. All of it needs root and a dockerd.
`
	return c
}

// labOptions choose the lab.
type labOptions struct{ dir string }

func (o *labOptions) AddFlags(c *cobra.Command) {
	c.Flags().StringVar(&o.dir, "dir", lab.DefaultDir, "`DIR` of the lab")
}

// load opens the lab. What it has to tell goes to stderr.
func (o *labOptions) load(s *Streams) (*lab.Lab, error) {
	l, err := lab.Load(o.dir)
	if err != nil {
		return nil, err
	}
	l.Report = s.progress
	return l, nil
}

func (s *Streams) progress(line string) { fmt.Fprintln(s.Err, line) }

func newLabListCommand(s *Streams) *cobra.Command {
	o, out := labOptions{}, outputOptions{}
	c := &cobra.Command{
		Use:   "ls",
		Short: "List the hosts and how they are",
		Long: `List the hosts of a lab. STATE is the engine's own word for its part in the
swarm (active, locked, pending, inactive, error), "down" where no dockerd runs,
and "silent" where one runs and does not answer within 2 s.
` + exitHelp,
		Example: "  swarmdr lab ls -o json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.Validate(); err != nil {
				return err
			}
			l, err := o.load(s)
			if err != nil {
				return err
			}
			return printLab(c.Context(), s, l, out.json())
		},
	}
	o.AddFlags(c)
	out.AddFlags(c)
	return c
}

func printLab(ctx context.Context, s *Streams, l *lab.Lab, asJSON bool) error {
	all := l.List(ctx)
	if asJSON {
		return writeJSON(s.Out, all)
	}
	t := newTable(s.Out, "NAME", "ROLE", "ADDRESS", "STATE", "ENGINE", "PID", "DOCKER HOST")
	for _, n := range all {
		t.row(n.Name, n.Role, n.Address, n.State, n.EngineVersion, n.PID, n.DockerHost)
	}
	return t.flush()
}

func newLabExecCommand() *cobra.Command {
	o := labOptions{}
	c := &cobra.Command{
		Use:   "exec NODE -- COMMAND [ARG...]",
		Short: "Run a command as on one of the hosts",
		Long: `Run a command in a host's network and with its name, with DOCKER_HOST and
SWARMDR_CONFIG set and this swarmdr on PATH. Files are this machine's.

The exit code is the command's own.
`,
		Example: `  swarmdr lab exec m1 -- docker node ls
  swarmdr lab exec m3 -- swarmdr recover plan`,
		Args: minArgs(2, "NODE -- COMMAND"),
		RunE: func(_ *cobra.Command, args []string) error {
			return runLabExec(&o, args[0], args[1:])
		},
	}
	c.Flags().SetInterspersed(false) // flags after NODE are the command's
	o.AddFlags(c)
	return c
}

func runLabExec(o *labOptions, name string, argv []string) error {
	if argv[0] == "--" {
		argv = argv[1:]
	}
	if len(argv) == 0 {
		return usagef("want NODE -- COMMAND, got no command")
	}
	l, err := lab.Load(o.dir)
	if err != nil {
		return err
	}
	n, err := l.Node(name)
	if err != nil {
		return err
	}
	return n.Exec(argv[0], argv[1:]...)
}

func newLabDownCommand(s *Streams) *cobra.Command {
	o := labOptions{}
	c := &cobra.Command{
		Use:   "down",
		Short: "Remove the lab without a trace",
		Long: `Remove the lab: processes, namespaces, mounts, cgroups and files, also those of a
lab whose making was killed. Where there is none, nothing is done.
` + exitHelp,
		Example: "  swarmdr lab down",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := o.load(s)
			if errors.Is(err, lab.ErrNoLab) {
				l, err = lab.Remnants(o.dir)
			}
			if err != nil {
				return err
			}
			return l.Down(c.Context())
		},
	}
	o.AddFlags(c)
	return c
}

// newLabTaskCommand is what the task image of a lab runs.
func newLabTaskCommand(s *Streams) *cobra.Command {
	return &cobra.Command{
		Use:    "task",
		Short:  "Be a task of a lab's services",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(c *cobra.Command, _ []string) error { return lab.Task(c.Context(), s.Out) },
	}
}

// minArgs asks for at least n arguments, with their names in the error.
func minArgs(n int, names string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < n {
			return usagef("want %s, got %d arguments", names, len(args))
		}
		return nil
	}
}
