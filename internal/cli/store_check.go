package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

func newStoreCheckCommand(s *Streams) *cobra.Command {
	o := storeCheckOptions{}
	c := &cobra.Command{
		Use:   "check",
		Short: "Try out all that a backup relies on",
		Long: `Try out on each store all that a backup relies on: that an object is written
once, listed at once, read back whole and in part, locked if it should be, and
that clocks agree. What was written for it is removed.

Endpoint, credentials, locks and limits of a bucket stand in the configuration;
without, the variables of the AWS tools are used: AWS_ENDPOINT_URL,
AWS_ACCESS_KEY_ID and so on.
` + storeCheckExits,
		Example: `  swarmdr store check
  swarmdr store check --store s3://swarm-backups/prod -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runStoreCheck(c.Context(), s, &o) },
	}
	o.configOptions.AddFlags(c)
	o.storeOptions.AddFlags(c)
	o.outputOptions.AddFlags(c)
	return c
}

const storeCheckExits = `
Exit codes:
  0    every store does all that is asked of it; warnings are printed
  1    failed
  2    bad usage or bad configuration
  6    a store must not be trusted with a backup
  130  interrupted
`

type storeCheckOptions struct {
	configOptions
	storeOptions
	outputOptions
}

// storeReport is what one store did.
type storeReport struct {
	URL     string          `json:"url"`
	Good    bool            `json:"good"`
	Answers snapshot.Report `json:"answers"`
}

func runStoreCheck(ctx context.Context, s *Streams, o *storeCheckOptions) error {
	if err := o.outputOptions.Validate(); err != nil {
		return err
	}
	cfg, err := o.load()
	if err != nil {
		return err
	}
	stores, err := o.storeOptions.openAll(cfg)
	if err != nil {
		return err
	}
	reports, bad := []storeReport{}, false
	for _, store := range stores {
		answers := store.(snapshot.Checker).Check(ctx)
		if err := ctx.Err(); err != nil {
			return err
		}
		reports = append(reports, storeReport{store.URL(), !answers.Failed(), answers})
		bad = bad || answers.Failed()
	}
	if err := printStoreReports(s, reports, o.json()); err != nil {
		return err
	}
	if bad {
		return exitStatus{exitStore}
	}
	return nil
}

func printStoreReports(s *Streams, reports []storeReport, asJSON bool) error {
	if asJSON {
		return writeJSON(s.Out, reports)
	}
	for _, r := range reports {
		fmt.Fprintln(s.Out, r.URL)
		t := newTable(s.Out, "CHECK", "RESULT", "SEEN", "TO DO")
		for _, a := range r.Answers {
			t.row(a.Name, a.Verdict, a.Seen, a.Do)
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	return nil
}
