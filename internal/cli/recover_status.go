package cli

import (
	"github.com/spf13/cobra"
	recovery "github.com/swarmdr/swarmdr/pkg/recover"
)

func newRecoverStatusCommand(s *Streams) *cobra.Command {
	cfg, out := configOptions{}, outputOptions{}
	c := &cobra.Command{
		Use:     "status",
		Short:   "Show how far the newest recovery on this manager got",
		Long:    "Show the steps of the newest recovery on this manager, which of them are done,\nand where the old directory is.\n" + exitHelp,
		Example: "  swarmdr recover status",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := out.Validate(); err != nil {
				return err
			}
			c, err := cfg.load()
			if err != nil {
				return err
			}
			j, err := recovery.OpenJournal(c.StateDir)
			if err != nil {
				return err
			}
			if out.json() {
				return writeJSON(s.Out, j)
			}
			return printJournal(s.Out, j)
		},
	}
	cfg.AddFlags(c)
	out.AddFlags(c)
	return c
}
