package cli

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/config"
	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/internal/engine"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

const (
	nodeKeyFile  = "certificates/swarm-node.key"
	nodeCertFile = "certificates/swarm-node.crt"

	outUsage = "new `FILE` to write to"
)

var errOtherSwarm = errors.New("the daemon that was asked is in another swarm")

// swarmKey is the living swarm's unlock key. Its fingerprint in Known is empty
// when autolock is off.
type swarmKey struct {
	clusterID string
	key       unlock.Key
	known     unlock.Known
}

// askSwarm asks the daemon at host for the unlock key. A clusterID that is not
// empty must be the swarm's.
func askSwarm(ctx context.Context, host, clusterID string) (*swarmKey, error) {
	client, err := engine.Connect(host, engine.Options{})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, apiLimit)
	defer cancel()
	c, err := client.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	if clusterID != "" && c.ID != clusterID {
		return nil, errOtherSwarm
	}
	key, err := engine.Daemon{Client: client}.UnlockKey(ctx)
	if err != nil {
		return nil, err
	}
	return &swarmKey{c.ID, key, unlock.Known{Fingerprint: key.Fingerprint(), Version: c.Version}}, nil
}

// readNodeKey reads the node key of a manager, without opening it.
func readNodeKey(fsys fs.FS) ([]byte, unlock.Info, error) {
	file, err := fs.ReadFile(fsys, nodeKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, unlock.Info{}, fmt.Errorf("no %s: %w", nodeKeyFile, raftlog.ErrNotSwarmDir)
	}
	if err != nil {
		return nil, unlock.Info{}, fmt.Errorf("read node key: %w", err)
	}
	info, err := unlock.InspectNodeKey(file)
	if err != nil || info.HasDEK {
		return file, info, err
	}
	if _, err := fs.Stat(fsys, "raft"); err != nil { // Docker 1.12 had no key for the log
		return nil, info, raftlog.ErrWorkerDir
	}
	return file, info, nil
}

// clusterOf is the cluster that the certificate beside a node key names; empty
// without one.
func clusterOf(fsys fs.FS) string {
	file, err := fs.ReadFile(fsys, nodeCertFile)
	if err != nil {
		return ""
	}
	block, _ := pem.Decode(file)
	if block == nil {
		return ""
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return ""
	}
	return strings.Join(cert.Subject.Organization, " ")
}

// thisDir is the swarm directory that dir names, or this manager's.
func thisDir(ctx context.Context, cfg config.Config, host, dir string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	return swarmDir(ctx, cfg, host)
}

// outOption chooses a new file.
type outOption struct{ out string }

func (o *outOption) AddFlags(c *cobra.Command) {
	c.Flags().StringVar(&o.out, "out", "", outUsage)
}

// target is the file to write: what was named, or in a directory that was
// named, a file called name.
func (o *outOption) target(name string) string {
	if st, err := os.Stat(o.out); err == nil && st.IsDir() {
		return filepath.Join(o.out, name)
	}
	return o.out
}

// notOverwritten says so of a path that is taken.
func notOverwritten(path string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists and is not overwritten", path)
	}
	return err
}

// lockNewState is lockState for a state directory that may not be there yet.
func lockNewState(ctx context.Context, cfg config.Config) (*os.File, error) {
	if err := durable.MkdirAll(cfg.StateDir); err != nil {
		return nil, fmt.Errorf("create state directory: %w", err)
	}
	return lockState(ctx, cfg)
}
