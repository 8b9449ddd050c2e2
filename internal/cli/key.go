package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

func newKeyCommand(s *Streams) *cobra.Command {
	return group("key", "The unlock keys of the swarm, and those that open snapshots",
		newKeyCheckCommand(s),
		newKeyUnlockCommand(s),
		newKeyRotateCommand(s),
		newKeyEscrowCommand(s),
		newKeyOpenCommand(s),
		newKeyStripCommand(s),
		newKeyNewCommand(s),
	)
}

func newKeyNewCommand(s *Streams) *cobra.Command {
	out, hybrid := outputOptions{}, false
	c := &cobra.Command{
		Use:   "new FILE",
		Short: "Make an age identity, and print its recipient",
		Long: `Make an age identity in FILE (0600, never overwritten), and print its recipient.

Give the recipient to the managers: they seal to it and cannot open. Keep the
identity away from them, and twice: without it no snapshot opens.
` + exitHelp,
		Example: `  swarmdr key new identity.txt
  swarmdr key new --post-quantum identity.txt`,
		Args: oneArg("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := out.Validate(); err != nil {
				return err
			}
			generate := snapshot.GenerateIdentity
			if hybrid {
				generate = snapshot.GenerateHybridIdentity
			}
			return runKeyNew(s, args[0], generate, out.json())
		},
	}
	out.AddFlags(c)
	c.Flags().BoolVar(&hybrid, "post-quantum", false, "one that a quantum computer does not break; age opens its files from 1.3 on")
	return c
}

func runKeyNew(s *Streams, path string, generate func() (identity, recipient string, err error), asJSON bool) error {
	identity, recipient, err := generate()
	if err != nil {
		return err
	}
	err = durable.CreateFile(path, 0o600, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "# recipient: %s\n%s\n", recipient, identity)
		return err
	})
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists and is not overwritten", path)
	}
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(s.Out, map[string]string{"file": path, "recipient": recipient})
	}
	_, err = fmt.Fprintln(s.Out, recipient)
	return err
}

// oneArg wants one argument, and says in the error what it should be.
func oneArg(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("want %s, got %d arguments", what, len(args))
		}
		return nil
	}
}
