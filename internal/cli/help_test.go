package cli

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commands are all that a person can run, without cobra's own and the hidden.
func commands(c *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, sub := range c.Commands() {
		if !sub.Hidden {
			all = append(all, commands(sub)...)
		}
	}
	if len(all) == 0 {
		all = append(all, c)
	}
	return all
}

func testTree(t *testing.T) *cobra.Command {
	t.Helper()
	return newRootCommand(&Streams{In: strings.NewReader(""), Out: &bytes.Buffer{}, Err: &bytes.Buffer{}})
}

// TestHelpIsComplete: the help of every command ends in its exit codes and shows
// an example; every flag says what it is for.
func TestHelpIsComplete(t *testing.T) {
	all := commands(testTree(t))
	if len(all) < 18 {
		t.Errorf("%d commands, want 18 or more", len(all))
	}
	for _, c := range all {
		t.Run(c.CommandPath(), func(t *testing.T) {
			if c.Short == "" || strings.HasSuffix(c.Short, ".") {
				t.Errorf("short help %q", c.Short)
			}
			if !strings.Contains(c.Long, "\nExit codes") && !strings.Contains(c.Long, "\nThe exit code") {
				t.Error("the help has no exit codes")
			}
			if c.RunE == nil || c.Run != nil {
				t.Error("it does not return its error")
			}
			c.Flags().VisitAll(func(f *pflag.Flag) {
				if f.Usage == "" {
					t.Errorf("--%s has no usage", f.Name)
				}
			})
			checkExample(t, c)
		})
	}
}

// checkExample: each line of the example is this command, and cobra takes it.
func checkExample(t *testing.T, c *cobra.Command) {
	t.Helper()
	if c.Example == "" {
		t.Error("the help has no example")
	}
	own := false
	for line := range strings.Lines(c.Example) {
		words := shellWords(line)
		if len(words) == 0 || words[0] != "swarmdr" {
			t.Errorf("example %q is no swarmdr command", line)
			continue
		}
		found, rest, err := testTree(t).Find(words[1:])
		if err != nil {
			t.Errorf("example %q: %v", line, err)
			continue
		}
		own = own || found.CommandPath() == c.CommandPath()
		if err := found.ParseFlags(rest); err != nil {
			t.Errorf("example %q: %v", line, err)
			continue
		}
		if err := found.ValidateArgs(found.Flags().Args()); err != nil {
			t.Errorf("example %q: %v", line, err)
		}
	}
	if !own {
		t.Errorf("no example shows %s", c.CommandPath())
	}
}

// shellWords splits a line at spaces outside of double quotes.
func shellWords(line string) []string {
	quoted := false
	words := strings.FieldsFunc(line, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return unicode.IsSpace(r) && !quoted
	})
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], `"`, "")
	}
	return words
}

// TestFlagsMeanTheSame: a flag that several commands have is spelt and explained
// alike in all of them.
func TestFlagsMeanTheSame(t *testing.T) {
	shared := map[string]*pflag.Flag{}
	for _, c := range commands(testTree(t)) {
		if c.Parent().Name() == "lab" {
			continue // --dir is another thing there
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			before := shared[f.Name]
			shared[f.Name] = f
			if before == nil || slices.Contains([]string{"dir", "out", "output", "to", "at", "all"}, f.Name) {
				return // what is read or written differs, and what all means
			}
			if before.Usage != f.Usage || before.Shorthand != f.Shorthand || before.DefValue != f.DefValue {
				t.Errorf("--%s of %s: %q, -%s; elsewhere %q, -%s", f.Name, c.CommandPath(), f.Usage, f.Shorthand, before.Usage, before.Shorthand)
			}
		})
	}
	if shared["config"] == nil || shared["output"] == nil {
		t.Error("no shared flags were seen")
	}
}

// TestExitCodesAreTold: each code that the table of errors leads to is in the
// help.
func TestExitCodesAreTold(t *testing.T) {
	for _, a := range advices() {
		if got := exitCode(a.err); got != a.code {
			t.Errorf("%v: exit code %d, want %d: an earlier line of the table hides it", a.err, got, a.code)
		}
		told := false
		for line := range strings.Lines(exitHelp) {
			words := strings.Fields(line)
			told = told || len(words) > 1 && words[0] == strconv.Itoa(a.code)
		}
		if !told {
			t.Errorf("%v: exit code %d is not in the help", a.err, a.code)
		}
	}
}
