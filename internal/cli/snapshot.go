package cli

import (
	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/config"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

func newSnapshotCommand(s *Streams) *cobra.Command {
	return group("snapshot", "List and verify stored snapshots", newSnapshotListCommand(s), newSnapshotVerifyCommand(s))
}

// snapshotOptions are those of every command about stored snapshots.
type snapshotOptions struct {
	configOptions
	storeOptions
	outputOptions
}

func (o *snapshotOptions) AddFlags(c *cobra.Command) {
	o.configOptions.AddFlags(c)
	o.storeOptions.AddFlags(c)
	o.outputOptions.AddFlags(c)
}

func (o *snapshotOptions) openStore() (config.Config, snapshot.Store, error) {
	if err := o.outputOptions.Validate(); err != nil {
		return config.Config{}, nil, err
	}
	cfg, err := o.load()
	if err != nil {
		return cfg, nil, err
	}
	store, err := o.storeOptions.open(cfg)
	return cfg, store, err
}
