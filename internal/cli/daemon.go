package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/swarmdr/swarmdr/internal/config"
	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/internal/engine"
)

// swarmDir finds this manager's swarm directory: the configured one, or that
// of the daemon at host.
func swarmDir(ctx context.Context, cfg config.Config, host string) (string, error) {
	if cfg.SwarmDir != "" {
		return cfg.SwarmDir, nil
	}
	client, err := engine.Connect(host, engine.Options{})
	if err != nil {
		return "", err
	}
	defer client.Close()
	st, err := client.Status(ctx)
	if err != nil {
		return "", fmt.Errorf("find the swarm directory: %w", err)
	}
	return filepath.Join(st.DataRoot, "swarm"), nil
}

// newOutage is the way this manager's daemon is stopped and started.
func newOutage(s *Streams, cfg config.Config, host string, keys *keyOptions, configFile string) (*engine.Outage, error) {
	if err := durable.MkdirAll(cfg.StateDir); err != nil {
		return nil, fmt.Errorf("create state directory: %w", err)
	}
	client, err := engine.Connect(host, engine.Options{})
	if err != nil {
		return nil, err
	}
	o := &engine.Outage{Client: client, Control: newControl(s, cfg), StateDir: cfg.StateDir}
	o.Key = func(ctx context.Context) (string, error) {
		key, err := keys.read(ctx, cfg)
		return key.Reveal(), err
	}
	o.Guard = func(ctx context.Context) error {
		argv, err := guardCommand(host, keys, configFile)
		if err != nil {
			return err
		}
		if systemd, ok := o.Control.(*engine.Systemd); ok {
			return systemd.RunTransient(ctx, fmt.Sprintf("swarmdr-guard-%d.service", os.Getpid()), argv, guardEnv())
		}
		return startDetached(argv, filepath.Join(cfg.StateDir, "guard.log"))
	}
	return o, nil
}

func newControl(s *Streams, cfg config.Config) engine.Control {
	if len(cfg.Engine.Stop) > 0 {
		return engine.Commands{StopArgv: cfg.Engine.Stop, StartArgv: cfg.Engine.Start, LockFile: filepath.Join(cfg.StateDir, "engine.lock")}
	}
	return &engine.Systemd{Notice: func(text string) { fmt.Fprintln(s.Err, text) }}
}

// guardCommand is `swarmdr guard` with the same host and key source. It gets
// the names of key sources, never a key.
func guardCommand(host string, keys *keyOptions, configFile string) ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	argv := []string{self, "guard", "--host", host}
	for flag, value := range map[string]string{"--config": configFile, "--unlock-key-file": keys.file, "--unlock-key-command": keys.command} {
		if value != "" {
			argv = append(argv, flag, value)
		}
	}
	return argv, nil
}

// guardEnv is what a unit of systemd needs to read the same configuration.
// Units show their environment to everybody: nothing else goes into it.
func guardEnv() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "SWARMDR_CONFIG", "CREDENTIALS_DIRECTORY"} {
		if value := os.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// startDetached starts a process in a session of its own, which outlives this
// one.
func startDetached(argv []string, logFile string) error {
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}
