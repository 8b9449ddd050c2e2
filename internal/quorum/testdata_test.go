package quorum_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swarmdr/swarmdr/internal/quorum"
)

// Commit a rewritten drawing only if you understand why it changed.
var rewrite = flag.Bool("rewrite", false, "rewrite the drawings in testdata from what the code says now")

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
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("scenarios: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runFile(t, file) })
	}
}

func runFile(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, block := range strings.Split(strings.TrimSpace(string(data)), "\n\n") {
		if strings.HasPrefix(block, "#") {
			out = append(out, block)
			continue
		}
		input, want, found := strings.Cut(block, "\n----")
		if !found {
			t.Fatalf("case without a drawing:\n%s", block)
		}
		got := draw(parseView(t, input))
		if !*rewrite && got != strings.TrimPrefix(want, "\n") {
			t.Errorf("%s\n----\n%s\nwant\n%s", input, got, want)
		}
		out = append(out, input+"\n----\n"+got)
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
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
