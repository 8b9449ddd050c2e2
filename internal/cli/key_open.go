package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

type keyOpenOptions struct {
	identityOptions
	outputOptions
	reveal bool
}

func newKeyOpenCommand(s *Streams) *cobra.Command {
	o := keyOpenOptions{}
	c := &cobra.Command{
		Use:   "open FILE",
		Short: "Open the escrow of an unlock key, and print the key",
		Long: `Open what ` + "`swarmdr key escrow`" + ` sealed, and print the unlock key for another
program to read: a terminal gets it with --reveal only. age -d -i does the same.

Other commands take it by --unlock-key-command, so that the key is in no file:

  --unlock-key-command 'swarmdr key open unlock-key.age -i identity.txt'
` + exitHelp,
		Example: `  swarmdr key open unlock-key.age -i identity.txt
  swarmdr key open unlock-key.age -i identity.txt -o json`,
		Args: oneArg("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := o.outputOptions.Validate(); err != nil {
				return err
			}
			return runKeyOpen(s, args[0], &o)
		},
	}
	o.identityOptions.AddFlags(c)
	o.outputOptions.AddFlags(c)
	c.Flags().BoolVar(&o.reveal, "reveal", false, "show secrets instead of (redacted)")
	return c
}

var errOnTerminal = errors.New("the key is not shown on a terminal")

func runKeyOpen(s *Streams, path string, o *keyOpenOptions) error {
	if isTerminal(s) && !o.reveal {
		return errOnTerminal
	}
	ids, err := o.read()
	if err != nil {
		return err
	}
	if ids == nil {
		return keyError{errNoIdentity}
	}
	identities, err := o.text()
	if err != nil {
		return err
	}
	file, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read escrow: %w", err)
	}
	key, err := unlock.OpenEscrow(file, identities)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	if o.json() {
		return writeJSON(s.Out, map[string]string{"unlock_key": key.Reveal(), "fingerprint": key.Fingerprint()})
	}
	_, err = fmt.Fprintln(s.Out, key.Reveal())
	return err
}
