package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/config"
	"github.com/swarmdr/swarmdr/internal/engine"
	recovery "github.com/swarmdr/swarmdr/pkg/recover"
)

// recoverOptions are those of plan and run; the same flags lead to the same
// token.
type recoverOptions struct {
	configOptions
	hostOptions
	keyOptions
	outputOptions
	dir, method, advertise string
	managers, abandon      []string
	discardTail            bool
	tls                    engine.TLS
}

func (o *recoverOptions) AddFlags(c *cobra.Command) {
	o.configOptions.AddFlags(c)
	o.hostOptions.AddFlags(c)
	o.keyOptions.AddFlags(c)
	o.outputOptions.AddFlags(c)
	f := c.Flags()
	f.StringVar(&o.dir, "dir", "", "swarm `DIRECTORY` of the survivor (default: that of this manager)")
	f.StringVar(&o.method, "method", "auto", "auto, force-new-cluster or rebuild")
	f.StringVar(&o.advertise, "advertise-addr", "", "new `ADDRESS` of the survivor (default: the one in the log)")
	f.StringArrayVar(&o.managers, "manager", nil, "`NAME=URL` of a manager to join again: its host name and docker host (repeatable, in this order)")
	f.StringArrayVar(&o.abandon, "abandon", nil, "`NAME` of a --manager whose daemon still runs with its log, which is given up (repeatable)")
	f.BoolVar(&o.discardTail, "discard-tail", false, "drop the entries beyond the commit index on disk")
	f.StringVar(&o.tls.CACert, "tlscacert", "", "CA certificate `FILE` for tcp:// managers")
	f.StringVar(&o.tls.Cert, "tlscert", "", "client certificate `FILE` for tcp:// managers")
	f.StringVar(&o.tls.Key, "tlskey", "", "client key `FILE` for tcp:// managers")
	must(c.RegisterFlagCompletionFunc("method", cobra.FixedCompletions([]string{"auto", "force-new-cluster", "rebuild"}, cobra.ShellCompDirectiveNoFileComp)))
}

// Validate refuses what no evidence could make sense of.
func (o *recoverOptions) Validate() error {
	switch o.method {
	case "auto", string(recovery.ForceNewCluster), string(recovery.Rebuild):
		return o.outputOptions.Validate()
	}
	return usagef("unknown method %q: auto, force-new-cluster or rebuild", o.method)
}

// target is what a recovery works on, open; close it when done.
type target struct {
	cfg    config.Config
	gather recovery.GatherOptions
	plan   recovery.PlanOptions
	outage *engine.Outage
	others []*engine.Client
}

func (t *target) close() {
	t.outage.Client.Close()
	for _, c := range t.others {
		c.Close()
	}
}

func (o *recoverOptions) open(ctx context.Context, s *Streams) (*target, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	cfg, err := o.load()
	if err != nil {
		return nil, err
	}
	t := &target{cfg: cfg, plan: recovery.PlanOptions{
		Method: recovery.Method(strings.TrimPrefix(o.method, "auto")), Advertise: o.advertise,
		DiscardTail: o.discardTail, Abandon: o.abandon,
	}}
	host := o.hostOptions.resolve(cfg)
	if t.outage, err = newOutage(s, cfg, host, &o.keyOptions, o.configOptions.path); err != nil {
		return nil, err
	}
	t.outage.Anyway = true
	t.gather = recovery.GatherOptions{Dir: o.dir, Survivor: engine.Daemon{Client: t.outage.Client}, Prober: engine.Prober{}}
	if t.gather.Dir == "" {
		t.gather.Dir, err = swarmDir(ctx, cfg, host)
	}
	if err != nil {
		return nil, err
	}
	if t.gather.Key, err = o.keyOptions.read(ctx, cfg); err != nil {
		return nil, err
	}
	return t, o.connect(t)
}

func (o *recoverOptions) connect(t *target) error {
	for _, m := range o.managers {
		name, url, ok := strings.Cut(m, "=")
		if !ok || name == "" || url == "" {
			return usagef("--manager %q: want NAME=URL", m)
		}
		opts := engine.Options{}
		if strings.HasPrefix(url, "tcp://") {
			opts.TLS = o.tls
		}
		client, err := engine.Connect(url, opts)
		if err != nil {
			return usageError{err}
		}
		t.others = append(t.others, client)
		t.gather.Managers = append(t.gather.Managers, recovery.NamedDaemon{Name: name, Host: url, Daemon: engine.Daemon{Client: client}})
	}
	return nil
}

func newRecoverCommand(s *Streams) *cobra.Command {
	return group("recover", "Rebuild the managers of a swarm that lost its quorum",
		newRecoverPlanCommand(s), newRecoverRunCommand(s), newRecoverStatusCommand(s))
}

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

func newRecoverStatusCommand(s *Streams) *cobra.Command {
	cfg, out := configOptions{}, outputOptions{}
	c := &cobra.Command{
		Use:     "status",
		Short:   "Show how far the newest recovery on this manager got",
		Long:    "Show the steps of the newest recovery on this manager, which of them are done,\nand where the old directory is.\n" + exitHelp,
		Example: "  swarmdr recover status",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := out.Validate(); err != nil {
				return err
			}
			c, err := cfg.load()
			if err != nil {
				return err
			}
			j, err := recovery.OpenJournal(c.StateDir)
			if err != nil {
				return err
			}
			if out.json() {
				return writeJSON(s.Out, j)
			}
			return printJournal(s.Out, j)
		},
	}
	cfg.AddFlags(c)
	out.AddFlags(c)
	return c
}
