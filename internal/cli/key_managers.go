package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/config"
	"github.com/swarmdr/swarmdr/internal/engine"
	"github.com/swarmdr/swarmdr/internal/lab"
)

// managerOptions choose the managers that a command talks to: this one, or all
// of a lab, and others by name.
type managerOptions struct {
	hostOptions
	managers []string
	lab      string
	tls      engine.TLS
}

func (o *managerOptions) AddFlags(c *cobra.Command) {
	o.hostOptions.AddFlags(c)
	f := c.Flags()
	f.StringArrayVar(&o.managers, "manager", nil, "`NAME=URL` of another manager: its host name and docker host (repeatable, in this order)")
	f.StringVar(&o.lab, "lab", "", "all managers of the lab in `DIR`, instead of this one")
	f.StringVar(&o.tls.CACert, "tlscacert", "", "CA certificate `FILE` for tcp:// managers")
	f.StringVar(&o.tls.Cert, "tlscert", "", "client certificate `FILE` for tcp:// managers")
	f.StringVar(&o.tls.Key, "tlskey", "", "client key `FILE` for tcp:// managers")
}

// manager is one of them. The name of this one is empty until its engine told
// it.
type manager struct {
	name   string
	client *engine.Client
}

func closeManagers(all []manager) {
	for _, m := range all {
		m.client.Close()
	}
}

// connect makes a client for each; nothing is asked of them yet. Close them
// when done, whatever the error.
func (o *managerOptions) connect(cfg config.Config) (all []manager, err error) {
	add := func(name, url string, opts engine.Options) error {
		client, err := engine.Connect(url, opts)
		if err != nil {
			return usageError{err}
		}
		all = append(all, manager{name, client})
		return nil
	}
	if o.lab == "" {
		err = add("", o.resolve(cfg), engine.Options{})
	} else {
		err = o.eachOfLab(add)
	}
	if err != nil {
		return all, err
	}
	for _, m := range o.managers {
		name, url, ok := strings.Cut(m, "=")
		if !ok || name == "" || url == "" {
			return all, usagef("--manager %q: want NAME=URL", m)
		}
		opts := engine.Options{}
		if strings.HasPrefix(url, "tcp://") {
			opts.TLS = o.tls
		}
		if err := add(name, url, opts); err != nil {
			return all, err
		}
	}
	return all, nil
}

func (o *managerOptions) eachOfLab(add func(name, url string, opts engine.Options) error) error {
	l, err := lab.Load(o.lab)
	if err != nil {
		return err
	}
	for _, n := range l.Nodes() {
		if n.Role != lab.Manager {
			continue
		}
		if err := add(n.Name, n.DockerHost(), engine.Options{}); err != nil {
			return err
		}
	}
	return nil
}

// statusLimit is for /info of managers of which some may have no quorum.
const statusLimit = 8 * time.Second

// managerStatus is what a manager said of itself.
type managerStatus struct {
	manager
	engine.Status
	err error
}

// statuses asks all, one after the other.
func statuses(ctx context.Context, all []manager) []managerStatus {
	var answers []managerStatus
	for _, m := range all {
		limited, cancel := context.WithTimeout(ctx, statusLimit)
		st, err := m.client.Status(limited)
		cancel()
		answers = append(answers, managerStatus{m, st, err})
	}
	return answers
}

// dirAtHand is the swarm directory of a manager that runs on this machine; ""
// where its node key cannot be read.
func (m managerStatus) dirAtHand(cfg config.Config) string {
	if !strings.HasPrefix(m.client.Host(), "unix://") || m.err != nil {
		return ""
	}
	dir := filepath.Join(m.DataRoot, "swarm")
	if m.name == "" && cfg.SwarmDir != "" {
		dir = cfg.SwarmDir
	}
	f, err := os.Open(filepath.Join(dir, nodeKeyFile))
	if err != nil {
		return ""
	}
	f.Close()
	return dir
}
