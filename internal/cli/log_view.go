package cli

import (
	"context"
	"time"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// shownEntry is an entry on its way to the output.
type shownEntry struct {
	raftlog.Entry
	passed []int // the actions that the filter lets through
	show   bool
	text   *[]byte // what the printer has made of it so far

	// From here on it needs the entries before.

	time    time.Time // its own, or that of the entry before
	what    []string  // what each of passed did; of other entries, one
	refused string    // why it had no effect
}

// entryPrinter writes one form of the answer. begin is called once. prepare is
// called concurrently, the others in the order of the log: look while the story
// is that before the entry, print behind it.
type entryPrinter interface {
	begin() error
	prepare(e *shownEntry) error
	look(e *shownEntry, st *story) error
	print(e *shownEntry) error
}

// viewer shows the entries of a log. It keeps the state before each, by which an
// update is told from what was.
type viewer struct {
	filter  *filter
	printer entryPrinter
	story   *story
	next    uint64 // the index that is expected
	time    time.Time
	tail    bool // an entry beyond the commit index was shown
}

func newViewer(f *filter, p entryPrinter) *viewer { return &viewer{filter: f, printer: p} }

// begin makes index the next.
func (v *viewer) begin(log *raftlog.Log, index uint64) (err error) {
	v.next = index
	v.story, err = newStory(log, index)
	return err
}

// walk hands the entries from an index on to take, in the order of the log, as
// far as they may be shown.
func (v *viewer) walk(ctx context.Context, log *raftlog.Log, from uint64, take func(*raftlog.Log, *shownEntry) error) error {
	for e, err := range raftlog.Walk(log, from, v.prepare) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if v.filter.to != 0 && e.Index > v.filter.to {
			return nil
		}
		if err := take(log, e); err != nil {
			return err
		}
	}
	return nil
}

func (v *viewer) prepare(entry raftlog.Entry) (*shownEntry, error) {
	e := &shownEntry{Entry: entry, time: entry.Time()}
	e.passed = v.filter.actions(&e.Entry)
	e.show = v.filter.entry(&e.Entry, e.passed) && (e.time.IsZero() || v.filter.during(e.time))
	if !e.show {
		return e, nil
	}
	return e, v.printer.prepare(e)
}

// take shows the entry that comes next.
func (v *viewer) take(log *raftlog.Log, e *shownEntry) error {
	if err := v.story.reach(log, e.Index); err != nil {
		return err
	}
	v.next = e.Index + 1
	if e.time.IsZero() {
		e.time = v.time
	}
	v.time = e.time
	e.show = e.show && v.filter.during(e.time)
	if err := v.tell(e); err != nil {
		return err
	}
	var err error
	if e.refused, err = v.story.apply(e.Entry); err != nil || !e.show {
		return err
	}
	v.tail = v.tail || !e.Committed
	return v.printer.print(e)
}

// tell needs the state before the entry.
func (v *viewer) tell(e *shownEntry) error {
	if !e.show {
		return nil
	}
	for _, i := range e.passed {
		e.what = append(e.what, v.story.tell(&e.Entry, i))
	}
	if len(e.passed) == 0 {
		e.what = append(e.what, v.story.other(&e.Entry))
	}
	return v.printer.look(e, v.story)
}
