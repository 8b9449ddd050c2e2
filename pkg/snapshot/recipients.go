package snapshot

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"filippo.io/age"
)

var (
	// ErrNoRecipient is returned by ParseRecipients, ReadRecipients and Backup
	// when there is nobody to seal to: nothing is ever stored unsealed.
	ErrNoRecipient = errors.New("no recipient: a snapshot must be sealed to somebody")
	// ErrMixedRecipients is returned by ParseRecipients for recipients that age
	// does not seal one file to: the file would be no safer than the weakest.
	ErrMixedRecipients = errors.New("these recipients cannot be mixed")
)

const (
	// maxRecipients bounds the header that is read back; a post-quantum
	// recipient takes 2 KiB of it.
	maxRecipients = 100
	// passphraseName stands in the manifest in the place of a public key.
	passphraseName = "passphrase"
	// sealWork is log2 of the rounds of scrypt, age's own: 256 MiB and about a
	// second.
	sealWork = 18
)

// Recipients are who can open what is sealed to them: age public keys, or
// whoever knows a passphrase.
type Recipients struct {
	names []string
	keys  []age.Recipient
}

// ParseRecipients reads age public keys: "age1…" (X25519), "age1pq1…" (hybrid
// post-quantum), "ssh-ed25519 …" and "ssh-rsa …" as in authorized_keys. A key
// that is named twice counts once.
//
// Errors are ErrNoRecipient for an empty list, ErrMixedRecipients for
// post-quantum keys with others, and those of a malformed key, which tell its
// number and do not quote it: it may be a private one.
func ParseRecipients(names []string) (*Recipients, error) {
	r := &Recipients{}
	for i, name := range names {
		public, key, err := parseRecipient(name)
		if err != nil {
			return nil, fmt.Errorf("parse recipient %d: %w", i+1, err)
		}
		if !slices.Contains(r.names, public) {
			r.names, r.keys = append(r.names, public), append(r.keys, key)
		}
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	return r, nil
}

// ReadRecipients reads a recipients file: one public key a line, as
// ParseRecipients takes them, blank lines and comments that begin with #. It
// returns the lines that hold keys. An empty file is ErrNoRecipient; the other
// errors name the line.
func ReadRecipients(file io.Reader) ([]string, error) {
	var names []string
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if _, _, err := parseRecipient(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		names = append(names, line)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read recipients: %w", err)
	}
	if len(names) == 0 {
		return nil, ErrNoRecipient
	}
	return names, nil
}

// PassphraseRecipient seals to whoever knows the passphrase. age takes no other
// recipient beside it. Sealing and opening take a second and 256 MiB each. The
// end of the line that passphrase ends in, if there is one, is no part of it.
func PassphraseRecipient(passphrase []byte) (*Recipients, error) {
	text, err := passphraseText(passphrase)
	if err != nil {
		return nil, err
	}
	key, err := age.NewScryptRecipient(text)
	if err != nil {
		return nil, errBadPassphrase
	}
	key.SetWorkFactor(sealWork)
	return &Recipients{[]string{passphraseName}, []age.Recipient{key}}, nil
}

var errBadPassphrase = errors.New("a passphrase is one line and not empty")

// passphraseText refuses what nobody could type when age asks for it.
func passphraseText(passphrase []byte) (string, error) {
	text := bytes.TrimSuffix(bytes.TrimSuffix(passphrase, []byte("\n")), []byte("\r"))
	if len(text) == 0 || bytes.ContainsAny(text, "\r\n\x00") {
		return "", errBadPassphrase
	}
	return string(text), nil
}

// Names are the public keys, those of ssh without their comment, or the word
// "passphrase". They stand in the manifest.
func (r *Recipients) Names() []string { return slices.Clone(r.names) }

func (r *Recipients) check() error {
	if r == nil || len(r.keys) == 0 {
		return ErrNoRecipient
	}
	if len(r.keys) > maxRecipients {
		return fmt.Errorf("%d recipients, more than %d", len(r.keys), maxRecipients)
	}
	strong := 0
	for _, name := range r.names {
		if strings.HasPrefix(name, hybridPrefix) {
			strong++
		}
	}
	if strong > 0 && strong < len(r.names) {
		return fmt.Errorf("%w: %d post-quantum keys with %d others", ErrMixedRecipients, strong, len(r.names)-strong)
	}
	return nil
}

const hybridPrefix = "age1pq1"

func parseRecipient(text string) (public string, key age.Recipient, err error) {
	text = strings.TrimSpace(text)
	switch {
	case strings.HasPrefix(text, hybridPrefix):
		key, err = age.ParseHybridRecipient(text)
		public = text
	case strings.HasPrefix(text, "age1"):
		key, err = age.ParseX25519Recipient(text)
		public = text
	case strings.HasPrefix(text, "ssh-"):
		return parseSSHRecipient(text)
	case text == passphraseName:
		return "", nil, fmt.Errorf("%w: a passphrase stands alone", ErrMixedRecipients)
	case strings.Contains(text, "PRIVATE KEY") || strings.HasPrefix(text, "AGE-SECRET-KEY-"):
		return "", nil, errors.New("it is a private key, want the public one")
	default:
		return "", nil, errors.New("not a public key that begins with age1, age1pq1, ssh-ed25519 or ssh-rsa")
	}
	if err != nil {
		return "", nil, errors.New("malformed age public key")
	}
	return public, key, nil
}
