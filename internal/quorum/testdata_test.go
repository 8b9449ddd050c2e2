package quorum_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/swarmdr/swarmdr/internal/quorum"
	"github.com/swarmdr/swarmdr/internal/scenario"
)

// TestScenarios runs the files in testdata. A file is comments and cases:
//
//	judge [no-leader-info]
//	HOSTNAME reachable|unreachable|unknown [leader]
//	ghost HOSTNAME
//	----
//	the drawing, then a line a manager: may it be stopped
//
// Node ids are the host names with id- before them.
func TestScenarios(t *testing.T) {
	scenario.Run(t, "testdata/*.txt", func(t *testing.T, input string) string { return draw(parseView(t, input)) })
}

func draw(v quorum.View) string {
	d := quorum.Judge(v)
	text := d.Describe()
	for _, m := range v.Voters {
		answer := "yes"
		if safe, reason := d.SafeToStop(m.ID); !safe {
			answer = "no, " + reason
		}
		text += fmt.Sprintf("stop %s? %s\n", m.Hostname, answer)
	}
	return strings.TrimRight(text, "\n")
}

func parseView(t *testing.T, input string) quorum.View {
	v := quorum.View{LeaderKnown: true}
	for _, line := range strings.Split(input, "\n") {
		f := strings.Fields(line)
		switch f[0] {
		case "judge":
			v.LeaderKnown = len(f) == 1
		case "ghost":
			v.Ghosts = append(v.Ghosts, f[1])
		default:
			v.Voters = append(v.Voters, parseVoter(t, f, len(v.Voters)+1))
		}
	}
	return v
}

func parseVoter(t *testing.T, f []string, n int) quorum.Voter {
	reach, known := map[string]quorum.Reach{
		"reachable":   quorum.Reachable,
		"unreachable": quorum.Unreachable,
		"unknown":     quorum.Unknown,
	}[f[1]]
	if !known || len(f) > 3 || len(f) == 3 && f[2] != "leader" {
		t.Fatalf("bad line %v", f)
	}
	return quorum.Voter{
		ID: "id-" + f[0], Hostname: f[0], Addr: fmt.Sprintf("10.0.0.%d:2377", n),
		Reach: reach, Leader: len(f) == 3,
	}
}
