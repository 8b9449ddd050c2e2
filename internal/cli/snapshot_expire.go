package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/config"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

type snapshotExpireOptions struct {
	snapshotOptions
	keep        config.Retention
	within      string
	remove      bool
	allowShrink bool
}

func (o *snapshotExpireOptions) AddFlags(c *cobra.Command) {
	o.snapshotOptions.AddFlags(c)
	f := c.Flags()
	f.IntVar(&o.keep.Last, "keep-last", 0, "keep the last `N` of each manager")
	f.IntVar(&o.keep.Hourly, "keep-hourly", 0, "keep the newest of each of the last `N` hours that have one")
	f.IntVar(&o.keep.Daily, "keep-daily", 0, "the same for `N` days")
	f.IntVar(&o.keep.Weekly, "keep-weekly", 0, "the same for `N` ISO weeks")
	f.IntVar(&o.keep.Monthly, "keep-monthly", 0, "the same for `N` months")
	f.IntVar(&o.keep.Yearly, "keep-yearly", 0, "the same for `N` years")
	f.StringVar(&o.within, "keep-within", "", "keep all of the last `SPAN`, as 36h or 30d")
	f.BoolVar(&o.remove, "delete", false, "remove what the plan names; without this it is only shown")
	f.BoolVar(&o.allowShrink, "allow-shrink", false, "let the policy remove more than half of a manager's snapshots")
}

// policy is that of the command line if there is any, else that of the
// configuration.
func (o *snapshotExpireOptions) policy(cfg config.Config) (snapshot.Policy, error) {
	keep := o.keep
	if o.within != "" {
		span, err := config.ParseDuration(o.within)
		if err != nil {
			return snapshot.Policy{}, usageError{err}
		}
		keep.Within = config.Duration(span)
	}
	if keep == (config.Retention{}) {
		keep = cfg.Retention
	}
	return snapshot.Policy{
		Last: keep.Last, Hourly: keep.Hourly, Daily: keep.Daily, Weekly: keep.Weekly, Monthly: keep.Monthly, Yearly: keep.Yearly,
		Within: time.Duration(keep.Within), AllowShrink: o.allowShrink,
	}, nil
}

func newSnapshotExpireCommand(s *Streams) *cobra.Command {
	o := snapshotExpireOptions{}
	c := &cobra.Command{
		Use:   "expire [PREFIX]",
		Short: "Remove the snapshots that the retention does not keep",
		Long: `Show which snapshots whose names begin with PREFIX are to go, and with --delete
remove them. The policy is that of the --keep flags, else retention in the
configuration; it looks at each manager by itself, in UTC. What one rule keeps
stays, and so do the newest verified snapshot of each manager, protected and
locked ones, and what comes from the future. A policy that would remove more
than half of a manager's snapshots is refused without --allow-shrink, unless it
is the one that was carried out last on that store.

Where new snapshots are locked (lock_for in the configuration), --delete also
extends the locks of those that stay.
` + exitHelp,
		Example: `  swarmdr snapshot expire --keep-last 3 --keep-daily 7 --keep-weekly 5
  swarmdr snapshot expire --keep-within 30d --delete`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return runSnapshotExpire(c.Context(), s, &o, strings.Join(args, ""))
		},
	}
	o.AddFlags(c)
	return c
}

// expiry is the plan, and what was done of it; nil when it was only shown.
type expiry struct {
	*snapshot.Plan
	Done *snapshot.Expired `json:"done,omitempty"`
	// Extended are the snapshots whose locks were extended.
	Extended []snapshot.Name `json:"extended,omitempty"`
}

func runSnapshotExpire(ctx context.Context, s *Streams, o *snapshotExpireOptions, prefix string) error {
	lib, err := o.openLibrary()
	if err != nil {
		return err
	}
	policy, err := o.policy(lib.cfg)
	if err != nil {
		return err
	}
	known, err := recallPolicy(lib, prefix)
	if err != nil {
		return err
	}
	policy.AllowShrink = policy.AllowShrink || known.is(policy)
	plan, refused := snapshot.PlanExpiry(ctx, lib.Store, prefix, policy, lib.trusted, time.Now())
	if plan == nil {
		return refused
	}
	e := expiry{Plan: plan}
	if o.remove && refused == nil {
		refused = o.carryOut(ctx, lib, &e)
		if refused == nil {
			refused = known.remember(policy)
		}
	}
	return errors.Join(e.print(s, o.json()), refused)
}

func (o *snapshotExpireOptions) carryOut(ctx context.Context, lib *library, e *expiry) (err error) {
	e.Done, err = snapshot.Expire(ctx, lib.Store, e.Plan)
	lockFor := time.Duration(o.chosen(lib.cfg)[0].LockFor)
	if err != nil || lockFor == 0 {
		return err
	}
	e.Extended, err = snapshot.ExtendLocks(ctx, lib.Store, e.Plan, time.Now().Add(lockFor))
	return err
}

func (e *expiry) print(s *Streams, asJSON bool) error {
	if asJSON {
		return writeJSON(s.Out, e)
	}
	t := newTable(s.Out, "NAME", "SIZE", "STAYS", "WHY")
	for _, k := range e.Keep {
		t.row(k.Name, kib(k.Size), "yes", strings.Join(append(k.Reasons, problem(k.Candidate)...), ", "))
	}
	for _, c := range e.Remove {
		t.row(c.Name, kib(c.Size), "no", strings.Join(problem(c), ", "))
	}
	for _, name := range e.Orphans {
		t.row(name, "", "no", "left by a run that was killed")
	}
	if err := t.flush(); err != nil {
		return err
	}
	return e.printSum(s)
}

func problem(c snapshot.Candidate) []string {
	if c.Problem == "" {
		return nil
	}
	return []string{"not verified: " + c.Problem}
}

func (e *expiry) printSum(s *Streams) error {
	if e.Done == nil {
		_, err := fmt.Fprintf(s.Out, "%d of %d would go, and %d remains: nothing was removed without --delete\n",
			len(e.Remove), len(e.Keep)+len(e.Remove), len(e.Orphans))
		return err
	}
	d := e.Done
	for _, name := range d.Locked {
		fmt.Fprintf(s.Out, "%s is locked by the store: it stays\n", name)
	}
	for _, name := range d.Spared {
		fmt.Fprintf(s.Out, "%s changed since the plan was made: it stays\n", name)
	}
	if len(e.Extended) > 0 {
		fmt.Fprintf(s.Out, "the locks of %d were extended\n", len(e.Extended))
	}
	_, err := fmt.Fprintf(s.Out, "%d removed, and %d remains\n", len(d.Removed), len(d.Orphans))
	return err
}
