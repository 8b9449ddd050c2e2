// Package config reads swarmdr's one configuration file.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// DefaultPath is read when neither --config nor SWARMDR_CONFIG names a file;
// it may be missing.
const DefaultPath = "/etc/swarmdr/config.yaml"

// Config is the whole file. Flags and the environment override it.
type Config struct {
	// Host is the docker host URL of this manager.
	Host string `yaml:"host"`
	// SwarmDir is the manager's swarm directory; default: the data root that
	// the daemon at Host reports, plus /swarm.
	SwarmDir string `yaml:"swarm_dir"`
	// StateDir holds what swarmdr itself must not lose: journals, the record of
	// a stopped engine, the signing key. Mode 0700.
	StateDir string `yaml:"state_dir"`
	// UnlockKeyFile and UnlockKeyCommand say where the unlock key comes from;
	// at most one of them.
	UnlockKeyFile    string   `yaml:"unlock_key_file"`
	UnlockKeyCommand []string `yaml:"unlock_key_command"`
	// Stores are where backups go, every one of them; reading commands take the
	// first. Default: file:///var/lib/swarmdr/snapshots.
	Stores []Store `yaml:"stores"`
	// Spool keeps what a store on the network did not take.
	Spool Spool `yaml:"spool"`
	// Retention says which snapshots `snapshot expire` keeps.
	Retention Retention `yaml:"retention"`
	// Recipients are the age public keys that snapshots are sealed to.
	Recipients []string `yaml:"recipients"`
	// TrustedSigners are note verifier keys; see docs/format.md.
	TrustedSigners []string `yaml:"trusted_signers"`
	// Engine says how the daemon is stopped and started.
	Engine Engine `yaml:"engine"`
}

// Engine holds the commands that stop and start the daemon; both empty means
// systemd.
type Engine struct {
	Stop  []string `yaml:"stop"`
	Start []string `yaml:"start"`
}

// Default is the configuration of a manager that has no file.
func Default() Config {
	return Config{
		Host:     "unix:///var/run/docker.sock",
		StateDir: "/var/lib/swarmdr/state",
		Stores:   []Store{{URL: "file:///var/lib/swarmdr/snapshots"}},
		Spool:    Spool{Max: 1 << 30},
	}
}

// Load reads path over the defaults. An unknown or repeated field is an error
// that names its line.
func Load(path string) (Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	c := Default()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return Config{}, fmt.Errorf("read configuration %s: %v", path, err)
	}
	if err := c.validate(); err != nil {
		return Config{}, fmt.Errorf("configuration %s: %w", path, err)
	}
	return c, nil
}

func (c Config) validate() error {
	if c.UnlockKeyFile != "" && len(c.UnlockKeyCommand) > 0 {
		return errors.New("unlock_key_file and unlock_key_command exclude each other")
	}
	if (len(c.Engine.Stop) == 0) != (len(c.Engine.Start) == 0) {
		return errors.New("engine.stop and engine.start need each other")
	}
	if !filepath.IsAbs(c.StateDir) {
		return fmt.Errorf("state_dir %q is not an absolute path", c.StateDir)
	}
	if len(c.Stores) == 0 {
		return errors.New("stores: at least one is needed")
	}
	if c.Spool.Dir != "" && !filepath.IsAbs(c.Spool.Dir) {
		return fmt.Errorf("spool.dir %q is not an absolute path", c.Spool.Dir)
	}
	if c.SwarmDir != "" && !filepath.IsAbs(c.SwarmDir) {
		return fmt.Errorf("swarm_dir %q is not an absolute path", c.SwarmDir)
	}
	return nil
}
