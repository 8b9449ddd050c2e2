package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// difference is a comparison on its way.
type difference struct {
	s     *Streams
	o     *logDiffOptions
	kinds []raftlog.Kind

	src    *source // that which was opened last
	log    *raftlog.Log
	source string

	before, after side
	found         bool
}

func (d *difference) load(ctx context.Context, points [2]point) (err error) {
	defer func() { err = errors.Join(err, d.close()) }()
	for i, into := range []*side{&d.before, &d.after} {
		if *into, err = d.open(ctx, points[i]); err != nil {
			return err
		}
		if into.state, err = d.withoutTasks(into.state); err != nil {
			return err
		}
		debug.FreeOSMemory() // or what reading it took stands beside the next
	}
	d.warnOfStrangers()
	return nil
}

// withoutTasks copies the rest of a state, so that all the memory of it is free
// before the next one is read: tasks are most of a swarm.
func (d *difference) withoutTasks(state *raftlog.State) (*raftlog.State, error) {
	if slices.Contains(d.kinds, raftlog.KindTask) {
		return state, nil
	}
	rest := raftlog.NewState()
	rest.Index, rest.Term = state.Index, state.Term
	for _, kind := range raftlog.Kinds() {
		if kind == raftlog.KindTask {
			continue
		}
		for _, o := range state.OfKind(kind) {
			if err := rest.Put(o); err != nil {
				return nil, err
			}
		}
	}
	return rest, nil
}

func (d *difference) warnOfStrangers() {
	one, other := d.before.state.OfKind(raftlog.KindCluster), d.after.state.OfKind(raftlog.KindCluster)
	if len(one) == 1 && len(other) == 1 && one[0].ID != other[0].ID {
		fmt.Fprintf(d.s.Err, "warning: these are two swarms, %s and %s\n", one[0].ID, other[0].ID)
	}
}

// diffPrinter writes one form of the answer: each changed object, each service
// whose number of running tasks changed, and the end.
type diffPrinter interface {
	change(c raftlog.Change, fields []raftlog.FieldChange) error
	tasks(t taskChange) error
	end(counts map[raftlog.Op]int) error
}

// taskChange is a service that runs another number of tasks.
type taskChange struct {
	Service string `json:"service"`
	ID      string `json:"id"`
	Before  int    `json:"before"`
	After   int    `json:"after"`
}

func (d *difference) print(p diffPrinter) error {
	counts := map[raftlog.Op]int{}
	changes := raftlog.Diff(d.before.state, d.after.state, d.kinds...)
	order := byName(raftlog.Kinds())
	slices.SortFunc(changes, func(a, b raftlog.Change) int { return order(a.Object(), b.Object()) })
	for _, c := range changes {
		if d.o.stack != "" && c.Object().Label(stackLabel) != d.o.stack {
			continue
		}
		fields, err := d.fields(c)
		if err != nil {
			return err
		}
		if c.Op == raftlog.Update && len(fields) == 0 {
			continue
		}
		d.found = true
		counts[c.Op]++
		if err := p.change(c, fields); err != nil {
			return err
		}
	}
	for _, t := range d.taskChanges() {
		d.found = true
		if err := p.tasks(t); err != nil {
			return err
		}
	}
	return p.end(counts)
}

// fields are those that are told.
func (d *difference) fields(c raftlog.Change) ([]raftlog.FieldChange, error) {
	fields, err := c.Fields(d.o.reveal)
	if err != nil || d.o.all {
		return fields, err
	}
	return slices.DeleteFunc(fields, func(f raftlog.FieldChange) bool { return f.Churn }), nil
}

// taskChanges tells of services that both states have; those that came or went
// are told as such.
func (d *difference) taskChanges() []taskChange {
	if !slices.Contains(d.kinds, raftlog.KindService) {
		return nil
	}
	var all []taskChange
	ids := maps.Clone(d.before.running)
	maps.Copy(ids, d.after.running)
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		service, ok := d.after.state.Object(raftlog.KindService, id)
		_, was := d.before.state.Object(raftlog.KindService, id)
		before, after := d.before.running[id], d.after.running[id]
		if !ok || !was || before == after || d.o.stack != "" && service.Label(stackLabel) != d.o.stack {
			continue
		}
		all = append(all, taskChange{service.Name, id, before, after})
	}
	return all
}
