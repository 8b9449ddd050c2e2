package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/config"
	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// configOptions choose the configuration file; its values stand behind flags
// and environment.
type configOptions struct{ path string }

func (o *configOptions) AddFlags(c *cobra.Command) {
	c.Flags().StringVar(&o.path, "config", "", "configuration `FILE` (default $SWARMDR_CONFIG, then "+config.DefaultPath+")")
}

func (o *configOptions) load() (config.Config, error) {
	path := o.path
	if path == "" {
		path = os.Getenv("SWARMDR_CONFIG")
	}
	if path != "" {
		cfg, err := config.Load(path)
		if err != nil {
			return cfg, usageError{err}
		}
		return cfg, nil
	}
	cfg, err := config.Load(config.DefaultPath)
	if errors.Is(err, fs.ErrNotExist) {
		return config.Default(), nil
	}
	if err != nil {
		return cfg, usageError{err}
	}
	return cfg, nil
}

// hostOptions choose the docker daemon of this manager.
type hostOptions struct{ host string }

func (o *hostOptions) AddFlags(c *cobra.Command) {
	c.Flags().StringVarP(&o.host, "host", "H", "", "docker host `URL` of this manager (default $DOCKER_HOST, then the configuration)")
}

func (o *hostOptions) resolve(cfg config.Config) string {
	for _, host := range []string{o.host, os.Getenv("DOCKER_HOST")} {
		if host != "" {
			return host
		}
	}
	return cfg.Host
}

// keyOptions choose where the unlock key comes from; never from argv.
type keyOptions struct{ file, command string }

func (o *keyOptions) AddFlags(c *cobra.Command) {
	c.Flags().StringVar(&o.file, "unlock-key-file", "", "`FILE` that holds the unlock key")
	c.Flags().StringVar(&o.command, "unlock-key-command", "", "shell `COMMAND` that prints the unlock key")
	c.MarkFlagsMutuallyExclusive("unlock-key-file", "unlock-key-command")
}

// read returns the zero key when no source is named: the swarm may not be
// autolocked.
func (o *keyOptions) read(ctx context.Context, cfg config.Config) (unlock.Key, error) {
	path, command := o.file, []string(nil)
	if o.command != "" {
		command = []string{"sh", "-c", o.command}
	}
	if path == "" && command == nil {
		path, command = cfg.UnlockKeyFile, cfg.UnlockKeyCommand
	}
	switch {
	case path != "":
		return readKeyFile(path)
	case len(command) > 0:
		return runKeyCommand(ctx, command)
	}
	return unlock.Key{}, nil
}

func readKeyFile(path string) (unlock.Key, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return unlock.Key{}, keyError{fmt.Errorf("read unlock key: %w", err)}
	}
	key, err := unlock.ParseKey(string(data))
	if err != nil {
		return unlock.Key{}, keyError{fmt.Errorf("%s: %w", path, err)}
	}
	return key, nil
}

// runKeyCommand shows neither the output nor the errors of the command: either
// may hold the key.
func runKeyCommand(ctx context.Context, argv []string) (unlock.Key, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout = &out
	cmd.WaitDelay = time.Second // for what the command started and left behind
	err := cmd.Run()
	if ctx.Err() != nil {
		return unlock.Key{}, ctx.Err()
	}
	if err != nil {
		return unlock.Key{}, keyError{fmt.Errorf("run unlock key command: %w", err)}
	}
	key, err := unlock.ParseKey(out.String())
	if err != nil {
		return unlock.Key{}, keyError{fmt.Errorf("output of the unlock key command: %w", err)}
	}
	return key, nil
}

// keyError is an unlock key or an identity that cannot be had.
type keyError struct{ err error }

func (e keyError) Error() string { return e.err.Error() }
func (e keyError) Unwrap() error { return e.err }

// trustedSigners are those of the configuration and this host's own. Without
// any in the configuration signatures are not checked.
func trustedSigners(cfg config.Config) ([]string, error) {
	if len(cfg.TrustedSigners) == 0 {
		return nil, nil
	}
	own, err := os.ReadFile(filepath.Join(cfg.StateDir, "signing.pub"))
	if errors.Is(err, fs.ErrNotExist) {
		return cfg.TrustedSigners, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read own verifier: %w", err)
	}
	return append([]string{string(bytes.TrimSpace(own))}, cfg.TrustedSigners...), nil
}

// signer reads this host's signing key, and makes it the first time.
func signer(cfg config.Config) (string, error) {
	path := filepath.Join(cfg.StateDir, "signing.key")
	data, err := os.ReadFile(path)
	if err == nil {
		return string(bytes.TrimSpace(data)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read signing key: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("name signing key: %w", err)
	}
	private, public, err := snapshot.GenerateSigner("swarmdr/" + host)
	if err != nil {
		return "", err
	}
	if err := durable.MkdirAll(cfg.StateDir); err != nil {
		return "", fmt.Errorf("create state directory: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(cfg.StateDir, "signing.pub"), []byte(public+"\n"), 0o644); err != nil {
		return "", err
	}
	return private, durable.WriteFile(path, []byte(private+"\n"), 0o600)
}
