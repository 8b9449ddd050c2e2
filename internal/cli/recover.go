package cli

import (
	"context"
	"strings"

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
	f.StringArrayVar(&o.managers, "manager", nil, "`NAME=URL` of another manager: its host name and docker host (repeatable, in this order)")
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
