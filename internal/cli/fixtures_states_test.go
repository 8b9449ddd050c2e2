package cli_test

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/swarmdr/swarmdr/internal/cli"
)

// firstMoment is the first index from 5 on whose state the log still tells.
func firstMoment(t *testing.T, flags []string) string {
	t.Helper()
	for index := 5; index < 100; index++ {
		args := append([]string{"log", "state", "--at", fmt.Sprint(index)}, flags...)
		if cli.Main(args, &cli.Streams{Out: io.Discard, Err: io.Discard}) == 0 {
			return fmt.Sprint(index)
		}
	}
	t.Fatal("the log tells no earlier state")
	return ""
}

// TestFixturesRedactedInStates looks for secrets in what is told of states and
// of their differences, and for those that are asked for.
func TestFixturesRedactedInStates(t *testing.T) {
	emptyConfig(t)
	for name, flags := range managers(t) {
		t.Run(name, func(t *testing.T) {
			first := firstMoment(t, flags)
			diff := []string{"log", "diff", first}
			for _, command := range [][]string{
				{"log", "state", "all", "-o", "json"}, {"log", "state", "all", "-o", "yaml"}, {"log", "state", "-o", "yaml"},
				diff, slices.Concat(diff, []string{"--all"}), slices.Concat(diff, []string{"--all", "-o", "json"}),
				{"log", "rewind", "--to", first, "--out", filepath.Join(t.TempDir(), "table")},
				{"log", "rewind", "--to", first, "--out", filepath.Join(t.TempDir(), "json"), "-o", "json"},
			} {
				out, errs := run(t, slices.Concat(command, flags, []string{"-v"})...)
				if found := secretsIn(t, name, out+errs); len(found) > 0 {
					t.Errorf("swarmdr %s shows %q", strings.Join(command, " "), found)
				}
			}
			out, _ := run(t, slices.Concat([]string{"log", "state", "all", "-o", "yaml", "--reveal"}, flags)...)
			if found, want := secretsIn(t, name, out), wantSecrets(flags)-1; len(found) != want { // one was removed
				t.Errorf("--reveal shows %q, want %d of them", found, want)
			}
		})
	}
}
