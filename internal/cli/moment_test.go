package cli

import (
	"testing"
	"time"
)

// noon is a moment in a zone that is not UTC.
func noon() time.Time {
	return time.Date(2026, 11, 21, 12, 0, 0, 0, time.FixedZone("", 3600))
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-21T14:02:00Z":          "2026-11-21T14:02:00Z",
		"2026-11-21T14:02:00.25+02:00":  "2026-11-21T12:02:00.25Z",
		"2026-11-21 14:02":              "2026-11-21T13:02:00Z",
		"2026-11-21 14:02:30":           "2026-11-21T13:02:30Z",
		"2026-11-21 14:02:30.123456789": "2026-11-21T13:02:30.123456789Z",
		"2026-11-21":                    "2026-11-20T23:00:00Z",
		"90m":                           "2026-11-21T09:30:00Z",
		"1h30m":                         "2026-11-21T09:30:00Z",
		"0s":                            "2026-11-21T11:00:00Z",
	} {
		got, err := parseTime(text, noon())
		if err != nil || got.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("%q: %v, %v; want %s", text, got.UTC(), err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "14:02", "2026-13-01", "2026-11-21T14:02", "-90m", "17", "1d"} {
		if got, err := parseTime(text, noon()); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestParseMoment(t *testing.T) {
	for text, want := range map[string]moment{
		"":    {},
		"17":  {index: 17},
		"90m": {time: noon().Add(-90 * time.Minute)},
	} {
		got, err := parseMoment(text, noon())
		if err != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"0", "-1", "1.5", "soon", "18446744073709551616"} {
		if got, err := parseMoment(text, noon()); err == nil || exitCode(err) != exitUsage {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
