package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// version is set at link time: -ldflags "-X …/internal/cli.version=1.2.3".
var version = "dev"

func newVersionCommand(s *Streams) *cobra.Command {
	out := outputOptions{}
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "Print the version and the Go release it was built with.\n" + exitHelp,
		Example: "  swarmdr version",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := out.Validate(); err != nil {
				return err
			}
			if out.json() {
				return writeJSON(s.Out, map[string]string{"version": version, "go": runtime.Version()})
			}
			_, err := fmt.Fprintf(s.Out, "swarmdr %s (%s)\n", version, runtime.Version())
			return err
		},
	}
	out.AddFlags(c)
	return c
}
