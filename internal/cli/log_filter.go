package cli

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// stackLabel is put on all that `docker stack deploy` makes.
const stackLabel = "com.docker.stack.namespace"

// kindMember stands for membership changes.
const kindMember = "member"

type filterOptions struct {
	from, to        uint64
	since, until    string
	kinds           []string
	name, id, stack string
	op              string
}

func (o *filterOptions) AddFlags(c *cobra.Command) {
	c.Flags().Uint64Var(&o.from, "from", 0, "begin at this `INDEX`")
	c.Flags().Uint64Var(&o.to, "to", 0, "end at this `INDEX`")
	c.Flags().StringVar(&o.since, "since", "", "only what was written at this `TIME` or later: 2026-11-21T14:02:00Z, \"2026-11-21 14:02\", or 90m ago")
	c.Flags().StringVar(&o.until, "until", "", "only what was written at this `TIME` or before")
	c.Flags().StringArrayVar(&o.kinds, "kind", nil, "only objects of this `KIND` (repeatable)")
	c.Flags().StringVar(&o.name, "name", "", "only objects of this `NAME`")
	c.Flags().StringVar(&o.id, "id", "", "only objects whose id begins with `ID`")
	c.Flags().StringVar(&o.stack, "stack", "", "only objects of the stack of this `NAME`")
	c.Flags().StringVar(&o.op, "op", "", "only one `OPERATION`: create, update or remove")
	must(c.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(append(kindNames(), kindMember), cobra.ShellCompDirectiveNoFileComp)))
	must(c.RegisterFlagCompletionFunc("op", cobra.FixedCompletions(operations(), cobra.ShellCompDirectiveNoFileComp)))
}

func operations() []string {
	return []string{string(raftlog.Create), string(raftlog.Update), string(raftlog.Remove)}
}

// filter tells which entries are shown, and which of their actions. It is safe
// for concurrent use.
type filter struct {
	from, to        uint64
	since, until    time.Time
	kinds           []string
	name, id, stack string
	op              raftlog.Op
}

func (o *filterOptions) filter() (*filter, error) {
	f := &filter{from: o.from, to: o.to, name: o.name, id: o.id, stack: o.stack, op: raftlog.Op(o.op)}
	var err error
	if f.since, err = timeFlag("since", o.since); err != nil {
		return nil, err
	}
	if f.until, err = timeFlag("until", o.until); err != nil {
		return nil, err
	}
	for _, kind := range o.kinds {
		kind = strings.TrimSuffix(kind, "s")
		if kind != kindMember && !slices.Contains(kindNames(), kind) {
			return nil, usagef("unknown kind %q: one of %s, %s", kind, strings.Join(kindNames(), ", "), kindMember)
		}
		f.kinds = append(f.kinds, kind)
	}
	if o.op != "" && !slices.Contains(operations(), o.op) {
		return nil, usagef("unknown operation %q: %s", o.op, strings.Join(operations(), ", "))
	}
	if _, err := path.Match(o.name, ""); err != nil {
		return nil, usagef("--name %q: %v", o.name, err)
	}
	return f, nil
}

func timeFlag(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := parseTime(text, time.Now())
	if err != nil {
		return t, usagef("--%s: %v", name, err)
	}
	return t, nil
}

// all tells that nothing is looked for but a span of the log.
func (f *filter) all() bool {
	return len(f.kinds) == 0 && f.name == "" && f.id == "" && f.stack == "" && f.op == ""
}

// during tells of entries that have a time.
func (f *filter) during(t time.Time) bool {
	return !t.Before(f.since) && (f.until.IsZero() || !t.After(f.until))
}

// actions are the numbers of those that pass.
func (f *filter) actions(e *raftlog.Entry) []int {
	all, passed := f.all(), make([]int, 0, len(e.Actions))
	for i := range e.Actions {
		if all || f.action(&e.Actions[i]) {
			passed = append(passed, i)
		}
	}
	return passed
}

// entry tells whether one is shown, without a look at its time.
func (f *filter) entry(e *raftlog.Entry, passed []int) bool {
	switch {
	case f.to != 0 && e.Index > f.to:
		return false
	case f.all() || len(passed) > 0:
		return true
	}
	return e.ConfChange != nil && f.member(e.ConfChange)
}

func (f *filter) action(a *raftlog.Action) bool {
	o := &a.Object
	return f.has(string(o.Kind)) && (f.op == "" || f.op == a.Op) && f.named(o.Name) &&
		strings.HasPrefix(o.ID, f.id) && (f.stack == "" || o.Label(stackLabel) == f.stack)
}

func (f *filter) has(kind string) bool { return len(f.kinds) == 0 || slices.Contains(f.kinds, kind) }

func (f *filter) named(name string) bool {
	if f.name == "" || f.name == name {
		return true
	}
	matches, err := path.Match(f.name, name)
	return matches && err == nil // filter has tried the pattern
}

// member has the raft id or that of the node for an id, and no name.
func (f *filter) member(c *raftlog.ConfChange) bool {
	return f.has(kindMember) && (f.op == "" || f.op == c.Op) && f.name == "" && f.stack == "" &&
		(strings.HasPrefix(fmt.Sprintf("%x", c.Member.RaftID), f.id) || strings.HasPrefix(c.Member.NodeID, f.id))
}
