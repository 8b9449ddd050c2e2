package snapshot

import (
	"errors"
	"fmt"
	"time"
)

// Policy says how many snapshots of each manager stay: the last ones, the
// newest of each of the last hours, days, ISO weeks, months and years that have
// one, and all of the time Within before now. What one rule keeps stays.
// The calendar is that of UTC.
type Policy struct {
	Last, Hourly, Daily, Weekly, Monthly, Yearly int

	Within time.Duration
	// AllowShrink lets the policy remove more than half of a manager's
	// snapshots.
	AllowShrink bool
}

func (p Policy) check() error {
	empty := p.Last == 0 && p.Within == 0
	negative := p.Last < 0 || p.Within < 0
	for _, r := range p.rules() {
		empty = empty && r.count == 0
		negative = negative || r.count < 0
	}
	if negative {
		return errors.New("retention policy: a negative number")
	}
	if empty {
		return ErrEmptyPolicy
	}
	return nil
}

// rule keeps the newest of each of count periods.
type rule struct {
	name   string
	count  int
	period func(time.Time) string
}

func (p Policy) rules() []rule {
	return []rule{
		{"hourly", p.Hourly, layout("2006-01-02T15")},
		{"daily", p.Daily, layout("2006-01-02")},
		{"weekly", p.Weekly, isoWeek},
		{"monthly", p.Monthly, layout("2006-01")},
		{"yearly", p.Yearly, layout("2006")},
	}
}

func layout(layout string) func(time.Time) string {
	return func(at time.Time) string { return at.Format(layout) }
}

func isoWeek(at time.Time) string {
	year, week := at.ISOWeek()
	return fmt.Sprintf("%04d-W%02d", year, week)
}

func (p Policy) apply(newestFirst []*Kept, now time.Time) {
	for i, c := range newestFirst {
		if i < p.Last {
			c.reason("last")
		}
		if p.Within > 0 && !c.Name.Time().Before(now.Add(-p.Within)) {
			c.reason("within")
		}
	}
	for _, r := range p.rules() {
		r.apply(newestFirst)
	}
}

// apply also keeps the oldest snapshot while there are periods left: the
// history is as long as it can be.
func (r rule) apply(newestFirst []*Kept) {
	previous, left := "", r.count
	for i, c := range newestFirst {
		if left == 0 {
			return
		}
		period := r.period(c.Name.Time())
		switch {
		case period != previous:
			c.reason(r.name + " " + period)
			previous = period
			left--
		case i == len(newestFirst)-1:
			c.reason(r.name + " oldest")
		}
	}
}
