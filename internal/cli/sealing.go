package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/config"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// identityOptions choose what opens snapshots.
type identityOptions struct {
	files      []string
	passphrase string
}

func (o *identityOptions) AddFlags(c *cobra.Command) {
	c.Flags().StringArrayVarP(&o.files, "identity", "i", nil, "`FILE` of age identities, or an ssh key, that opens the snapshot (repeatable)")
	c.Flags().StringVar(&o.passphrase, "identity-passphrase-file", "", "`FILE` that holds the passphrase of the identity, or without one of the snapshot")
}

// read returns nil when nothing is named.
func (o *identityOptions) read() (*snapshot.Identities, error) {
	if len(o.files) == 0 && o.passphrase == "" {
		return nil, nil
	}
	if len(o.files) == 0 {
		secret, err := os.ReadFile(o.passphrase)
		if err != nil {
			return nil, keyError{fmt.Errorf("read passphrase: %w", err)}
		}
		ids, err := snapshot.PassphraseIdentity(secret)
		return ids, asKeyError(err)
	}
	var all []*snapshot.Identities
	for _, path := range o.files {
		ids, err := o.open(path)
		if err != nil {
			return nil, keyError{fmt.Errorf("%s: %w", path, err)}
		}
		all = append(all, ids)
	}
	return snapshot.Join(all...), nil
}

func (o *identityOptions) open(path string) (*snapshot.Identities, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	defer f.Close()
	if o.passphrase == "" {
		return snapshot.ParseIdentities(f)
	}
	return snapshot.OpenIdentities(f, func() ([]byte, error) { return os.ReadFile(o.passphrase) })
}

func asKeyError(err error) error {
	if err == nil {
		return nil
	}
	return keyError{err}
}

// text is the content of all files together, nil when none is named.
func (o *identityOptions) text() ([]byte, error) {
	var all []byte
	for _, path := range o.files {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, keyError{fmt.Errorf("read identity: %w", err)}
		}
		all = append(append(all, data...), '\n')
	}
	return all, nil
}

// recipientOptions choose the public keys that are sealed to.
type recipientOptions struct {
	names []string
	file  string
}

func (o *recipientOptions) AddFlags(c *cobra.Command) {
	c.Flags().StringArrayVarP(&o.names, "recipient", "r", nil, "age or ssh public `KEY` to seal to (repeatable)")
	c.Flags().StringVarP(&o.file, "recipients-file", "R", "", "`FILE` of public keys to seal to, one a line")
}

// read returns those of the command line, else those of the configuration.
func (o *recipientOptions) read(cfg config.Config) ([]string, error) {
	names := o.names
	if o.file != "" {
		inFile, err := readRecipients(o.file)
		if err != nil {
			return nil, usageError{err}
		}
		names = append(names, inFile...)
	}
	if len(names) == 0 {
		names = cfg.Recipients
	}
	return names, nil
}

func readRecipients(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read recipients: %w", err)
	}
	defer f.Close()
	names, err := snapshot.ReadRecipients(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return names, nil
}

// sealOptions choose whom a snapshot is sealed to: public keys, or whoever
// knows a passphrase.
type sealOptions struct {
	recipientOptions
	passphrase string
}

func (o *sealOptions) AddFlags(c *cobra.Command) {
	o.recipientOptions.AddFlags(c)
	c.Flags().StringVar(&o.passphrase, "recipient-passphrase-file", "", "`FILE` that holds a passphrase to seal with, instead of keys")
	c.MarkFlagsMutuallyExclusive("recipient-passphrase-file", "recipient")
	c.MarkFlagsMutuallyExclusive("recipient-passphrase-file", "recipients-file")
}

func (o *sealOptions) recipients(cfg config.Config) (*snapshot.Recipients, error) {
	if o.passphrase != "" {
		secret, err := os.ReadFile(o.passphrase)
		if err != nil {
			return nil, keyError{fmt.Errorf("read passphrase: %w", err)}
		}
		to, err := snapshot.PassphraseRecipient(secret)
		return to, asKeyError(err)
	}
	names, err := o.read(cfg)
	if err != nil {
		return nil, err
	}
	to, err := snapshot.ParseRecipients(names)
	if err != nil {
		return nil, usageError{err}
	}
	return to, nil
}
