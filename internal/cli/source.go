package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/config"
	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// sourceOptions choose the swarm directory that is read: of this manager, of a
// directory, or of a snapshot.
type sourceOptions struct {
	configOptions
	hostOptions
	keyOptions
	storeOptions
	identityOptions
	dir, snapshot string
}

func (o *sourceOptions) AddFlags(c *cobra.Command) {
	o.configOptions.AddFlags(c)
	o.hostOptions.AddFlags(c)
	o.keyOptions.AddFlags(c)
	o.storeOptions.AddFlags(c)
	o.identityOptions.AddFlags(c)
	c.Flags().StringVar(&o.dir, "dir", "", "read this swarm `DIRECTORY` (default: that of this manager)")
	c.Flags().StringVar(&o.snapshot, "snapshot", "", "read the snapshot of this `NAME`, or latest")
	c.MarkFlagsMutuallyExclusive("dir", "snapshot")
}

// source is an open swarm directory.
type source struct {
	fs.FS
	key   unlock.Key
	live  bool // an engine may write to it
	close func() error
}

func (o *sourceOptions) openSource(ctx context.Context) (*source, error) {
	cfg, err := o.load()
	if err != nil {
		return nil, err
	}
	key, err := o.keyOptions.read(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if o.snapshot != "" {
		return o.openSnapshot(ctx, cfg, key)
	}
	dir := o.dir
	if dir == "" {
		dir, err = swarmDir(ctx, cfg, o.hostOptions.resolve(cfg))
	}
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s does not exist: %w", dir, raftlog.ErrNotSwarmDir)
	} else if err != nil {
		return nil, fmt.Errorf("open swarm directory: %w", err)
	}
	return &source{os.DirFS(dir), key, true, func() error { return nil }}, nil
}

func (o *sourceOptions) openSnapshot(ctx context.Context, cfg config.Config, key unlock.Key) (*source, error) {
	ids, err := o.identityOptions.read()
	if err != nil {
		return nil, err
	}
	if ids == nil {
		return nil, keyError{errNoIdentity}
	}
	store, err := o.storeOptions.open(cfg)
	if err != nil {
		return nil, err
	}
	name, err := snapshot.Find(ctx, store, o.snapshot)
	if err != nil {
		return nil, err
	}
	trusted, err := trustedSigners(cfg)
	if err != nil {
		return nil, err
	}
	m, _, err := snapshot.Load(ctx, store, name, trusted)
	if err != nil {
		return nil, err
	}
	if err := keyFits(m, key); err != nil {
		return nil, err
	}
	opened, err := snapshot.Fetch(ctx, store, m, ids, os.TempDir())
	if err != nil {
		return nil, err
	}
	return &source{opened, key, false, opened.Close}, nil
}

var errNoIdentity = errors.New("a snapshot opens only with an age identity")

// keyFits tells a wrong unlock key before anything is fetched.
func keyFits(m *snapshot.Manifest, key unlock.Key) error {
	c := m.Contents
	if !c.Autolock || key.IsZero() || c.KeyFingerprint == key.Fingerprint() {
		return nil
	}
	return fmt.Errorf("%s needs the unlock key %s, the one at hand is %s: %w", m.Name, c.KeyFingerprint, key.Fingerprint(), unlock.ErrWrongKey)
}

// scratchDir is where plaintext is held while it is looked at, in files
// without names.
func scratchDir(cfg config.Config) (string, error) {
	if err := durable.MkdirAll(cfg.StateDir); err != nil {
		return "", fmt.Errorf("create state directory: %w", err)
	}
	return cfg.StateDir, nil
}

// closeAfter frees what was opened, and keeps err.
func closeAfter(s *source, err error) error { return errors.Join(err, s.close()) }
