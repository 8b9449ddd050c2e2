package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/engine"
	"github.com/swarmdr/swarmdr/internal/keyring"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

type keyUnlockOptions struct {
	configOptions
	managerOptions
	keyOptions
	outputOptions
	timeout time.Duration
}

func newKeyUnlockCommand(s *Streams) *cobra.Command {
	o := keyUnlockOptions{}
	c := &cobra.Command{
		Use:   "unlock",
		Short: "Unlock all managers that are locked",
		Long: `Hand the unlock key to this manager and to those named with --manager, all at
once, and tell of each what became of it. With --lab it is all managers of a lab.
A manager that is not locked is left alone.

An engine that is handed its key waits for a leader, and answers nothing while
there is none; so name enough managers for a quorum. After --timeout this command
gives up. Such an engine goes on waiting: it comes up when the others do; without
them, only a kill ends it, and until then it takes no other request to the swarm.

A manager that was down when the key was rotated is locked with the older key.
` + exitHelp,
		Example: `  swarmdr key unlock --unlock-key-file /root/unlock.key
  swarmdr key unlock --manager m2=ssh://root@10.0.0.2 --manager m3=ssh://root@10.0.0.3
  swarmdr key unlock --lab /var/lib/swarmdr/lab --unlock-key-file /var/lib/swarmdr/lab/unlock.key`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.Validate(); err != nil {
				return err
			}
			return runKeyUnlock(c.Context(), s, &o)
		},
	}
	o.configOptions.AddFlags(c)
	o.managerOptions.AddFlags(c)
	o.keyOptions.AddFlags(c)
	o.outputOptions.AddFlags(c)
	c.Flags().DurationVar(&o.timeout, "timeout", time.Minute, "how long to wait for the managers")
	return c
}

func (o *keyUnlockOptions) Validate() error {
	if o.timeout <= 0 {
		return usagef("--timeout %s: want more than nothing", o.timeout)
	}
	return o.outputOptions.Validate()
}

// jsonUnlocked is what became of one manager.
type jsonUnlocked struct {
	Name  string `json:"name"`
	Host  string `json:"host"`
	State string `json:"state"`
	Error string `json:"error,omitempty"`
}

func runKeyUnlock(ctx context.Context, s *Streams, o *keyUnlockOptions) error {
	cfg, err := o.load()
	if err != nil {
		return err
	}
	key, err := o.keyOptions.read(ctx, cfg)
	if err != nil {
		return err
	}
	if key.IsZero() {
		return errNoUnlockKey
	}
	all, err := o.connect(cfg)
	defer closeManagers(all)
	if err != nil {
		return err
	}
	outcomes := keyring.UnlockAll(ctx, targetsOf(all), key, o.timeout)
	if err := o.print(s, outcomes); err != nil {
		return err
	}
	return stillLocked(outcomes)
}

// errNoUnlockKey: there is nothing to unlock with.
var errNoUnlockKey = fmt.Errorf("no unlock key was given: %w", unlock.ErrLocked)

func targetsOf(all []manager) []keyring.Target {
	var targets []keyring.Target
	for _, m := range all {
		targets = append(targets, keyring.Target{Name: m.name, Host: m.client.Host(), Engine: m.client})
	}
	return targets
}

func (o *keyUnlockOptions) print(s *Streams, outcomes []keyring.Outcome) error {
	rows := []jsonUnlocked{}
	for _, out := range outcomes {
		row := jsonUnlocked{Name: out.Name, Host: out.Host, State: out.State}
		if out.Err != nil {
			row.Error = out.Err.Error()
		}
		rows = append(rows, row)
	}
	if o.json() {
		return writeJSON(s.Out, rows)
	}
	t := newTable(s.Out, "MANAGER", "STATE", "DOCKER HOST", "")
	for _, row := range rows {
		name := row.Name
		if name == "" {
			name = "this one"
		}
		t.row(name, row.State, row.Host, row.Error)
	}
	return t.flush()
}

// stillLocked is the gravest error of the outcomes, nil if all managers are
// unlocked.
func stillLocked(outcomes []keyring.Outcome) error {
	var failed []error
	for _, out := range outcomes {
		if out.Err != nil {
			failed = append(failed, out.Err)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	worst := failed[0]
	for _, kind := range []error{keyring.ErrNoAnswer, engine.ErrUnlockHangs, engine.ErrUnlockRefused, context.Canceled} {
		for _, err := range failed {
			if errors.Is(err, kind) {
				worst = err
			}
		}
	}
	return fmt.Errorf("%d of %d managers are not unlocked: %w", len(failed), len(outcomes), worst)
}
