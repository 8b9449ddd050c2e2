package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// printHelp writes the help of a command: what it does, how it is called, and
// at its end, where a person in a hurry looks, its exit codes and an example.
func printHelp(c *cobra.Command, _ []string) {
	what, codes := splitHelp(c)
	var b strings.Builder
	usage := c.UseLine()
	if c.HasAvailableSubCommands() {
		usage = c.CommandPath() + " COMMAND"
	}
	fmt.Fprintf(&b, "%s\n\nUsage:\n  %s\n", what, usage)
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\nCommands:\n")
	}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			fmt.Fprintf(&b, "  %-12s %s\n", sub.Name(), sub.Short)
		}
	}
	if c.HasAvailableLocalFlags() {
		fmt.Fprintf(&b, "\nFlags:\n%s", c.LocalFlags().FlagUsages())
	}
	if c.HasAvailableInheritedFlags() {
		fmt.Fprintf(&b, "\nGlobal flags:\n%s", c.InheritedFlags().FlagUsages())
	}
	if codes != "" {
		fmt.Fprintf(&b, "\n%s\n", codes)
	}
	if c.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	fmt.Fprint(c.OutOrStdout(), b.String())
}

// splitHelp parts the long help from the exit codes that end it.
func splitHelp(c *cobra.Command) (what, codes string) {
	what = c.Long
	if what == "" {
		what = c.Short
	}
	if at := strings.LastIndex(what, "\nExit codes"); at >= 0 {
		what, codes = what[:at], what[at:]
	}
	return strings.TrimSpace(what), strings.TrimSpace(codes)
}
