package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

// The guard is the last resort: it tries for as long as a person would.
const (
	guardTries = 60
	guardPause = 10 * time.Second
)

// newGuardCommand is what a cold backup starts beside itself: when the backup
// is gone and its record of a stopped engine is not, the engine is started.
func newGuardCommand(s *Streams) *cobra.Command {
	cfg, host, keys := configOptions{}, hostOptions{}, keyOptions{}
	c := &cobra.Command{
		Use:    "guard",
		Short:  "Start the engine again if the backup that stopped it was killed",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runGuard(c.Context(), s, &cfg, &host, &keys)
		},
	}
	cfg.AddFlags(c)
	host.AddFlags(c)
	keys.AddFlags(c)
	return c
}

func runGuard(ctx context.Context, s *Streams, o *configOptions, host *hostOptions, keys *keyOptions) error {
	cfg, err := o.load()
	if err != nil {
		return err
	}
	outage, err := newOutage(s, cfg, host.resolve(cfg), keys, o.path)
	if err != nil {
		return err
	}
	defer outage.Client.Close()
	for try := 1; ; try++ {
		recalled, err := outage.Recall(ctx, true)
		if err == nil && recalled {
			fmt.Fprintln(s.Err, "the process that stopped the engine was killed: the engine was started again")
		}
		if err == nil || try == guardTries {
			return err
		}
		fmt.Fprintf(s.Err, "start the engine again, try %d: %v\n", try, err)
		time.Sleep(guardPause)
	}
}
