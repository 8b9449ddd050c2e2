package cli

import (
	"context"
	"os"
	"os/user"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/config"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

func newSnapshotCommand(s *Streams) *cobra.Command {
	return group("snapshot", "List, prove, fetch and expire stored snapshots",
		newSnapshotListCommand(s),
		newSnapshotShowCommand(s),
		newSnapshotVerifyCommand(s),
		newSnapshotFetchCommand(s),
		newSnapshotCopyCommand(s),
		newSnapshotResealCommand(s),
		newSnapshotDrainCommand(s),
		newSnapshotProtectCommand(s),
		newSnapshotUnprotectCommand(s),
		newSnapshotExpireCommand(s),
	)
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

// library is a store and whom it is trusted to hold snapshots of.
type library struct {
	snapshot.Store
	cfg     config.Config
	trusted []string
}

func (o *snapshotOptions) openLibrary() (*library, error) {
	cfg, store, err := o.openStore()
	if err != nil {
		return nil, err
	}
	trusted, err := trustedSigners(cfg)
	if err != nil {
		return nil, err
	}
	return &library{store, cfg, trusted}, nil
}

// find loads the manifest of the snapshot that ref names.
func (l *library) find(ctx context.Context, ref string) (snapshot.Loaded, error) {
	name, err := snapshot.Find(ctx, l.Store, ref)
	if err != nil {
		return snapshot.Loaded{}, err
	}
	m, signedBy, err := snapshot.Load(ctx, l.Store, name, l.trusted)
	return snapshot.Loaded{Name: name, Manifest: m, SignedBy: signedBy, Err: err}, err
}

// completeName offers the names in the store for the first argument, and all
// that begin as it does.
func completeName(o *snapshotOptions) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		_, store, err := o.openStore()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		names, err := snapshot.List(c.Context(), store, begun)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		offers := []string{"latest"}
		for _, name := range names {
			offers = append(offers, string(name))
		}
		return offers, cobra.ShellCompDirectiveNoFileComp
	}
}

// person is who a marker says it is of: USER@HOST, as far as they are known.
func person() string {
	name, host := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return name + "@" + host
}
