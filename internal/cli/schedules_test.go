package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/robfig/cron/v3"
)

// TestSchedules: cron takes each line of the schedule, and its command is one
// of ours with flags that exist.
func TestSchedules(t *testing.T) {
	text, err := os.ReadFile("../../schedules/swarmdr.cron")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^([0-9*,/-]+(?: \S+){4})\s+root\s+swarmdr (.*) >/dev/null$`)
	found := line.FindAllStringSubmatch(string(text), -1)
	if len(found) != strings.Count(string(text), "root  ") || len(found) == 0 {
		t.Fatalf("%d lines are schedules", len(found))
	}
	for _, m := range found {
		if _, err := cron.ParseStandard(m[1]); err != nil {
			t.Errorf("%q: %v", m[1], err)
		}
		c, rest, err := testTree(t).Find(strings.Fields(m[2]))
		if err != nil || !c.Runnable() {
			t.Errorf("swarmdr %s: %v", m[2], err)
			continue
		}
		if err := c.ParseFlags(rest); err != nil {
			t.Errorf("swarmdr %s: %v", m[2], err)
		}
	}
}
