package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// momentHelp explains INDEX|TIME in the help of a command.
const momentHelp = `INDEX|TIME is an index of the log, or a time: 2026-11-21T14:02:00Z,
"2026-11-21 14:02:30", "2026-11-21 14:02" or 2026-11-21, without a zone that of
this host, or 90m for 90 minutes ago. A time means the last entry written until
then by the clock of its leader.`

// moment is a place in a log: an index, a time, or, as the zero value, the end.
type moment struct {
	index uint64
	time  time.Time
}

// parseMoment reads INDEX|TIME; the empty text is the end of the log.
func parseMoment(text string, now time.Time) (moment, error) {
	if text == "" {
		return moment{}, nil
	}
	if index, err := strconv.ParseUint(text, 10, 64); err == nil {
		if index == 0 {
			return moment{}, usagef("index 0: the first is 1")
		}
		return moment{index: index}, nil
	}
	at, err := parseTime(text, now)
	if err != nil {
		return moment{}, usagef("%q is neither an index nor a time: want 17, 2026-11-21T14:02:00Z, \"2026-11-21 14:02\" or 90m", text)
	}
	return moment{time: at}, nil
}

// parseTime reads a time in RFC 3339, a time or day of this host's zone, or how
// long ago it was.
func parseTime(text string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time: want 2026-11-21T14:02:00Z, \"2026-11-21 14:02\", 2026-11-21 or 90m", text)
}

// resolve returns the index that is meant, 0 for the end of the log.
func (m moment) resolve(log *raftlog.Log) (uint64, error) {
	if m.time.IsZero() {
		return m.index, nil
	}
	return log.IndexAt(m.time)
}
