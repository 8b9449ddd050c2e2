package snapshot

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
)

var (
	// ErrNeedPassphrase is returned by OpenIdentities for a file that is itself
	// encrypted, when no passphrase is given.
	ErrNeedPassphrase = errors.New("the identity is encrypted: its passphrase is needed")
	// ErrBadPassphrase is returned by OpenIdentities when the passphrase does
	// not open the file.
	ErrBadPassphrase = errors.New("the passphrase does not open the identity")
)

// maxIdentityFile is in bytes. A file of a hundred post-quantum identities has
// 10 KiB.
const maxIdentityFile = 1 << 20

// Identities are private keys or a passphrase, what opens a sealed archive.
// They print as (redacted).
type Identities struct{ open func() []age.Identity }

const redacted = "(redacted)"

// String returns a constant.
func (Identities) String() string { return redacted }

// GoString returns a constant.
func (Identities) GoString() string { return redacted }

// MarshalText returns a constant.
func (Identities) MarshalText() ([]byte, error) { return []byte(redacted), nil }

func newIdentities(ids []age.Identity) *Identities {
	return &Identities{func() []age.Identity { return ids }}
}

// Join is all identities of several files.
func Join(all ...*Identities) *Identities {
	var ids []age.Identity
	for _, some := range all {
		ids = append(ids, some.open()...)
	}
	return newIdentities(ids)
}

// GenerateIdentity makes an X25519 key pair: the identity to keep away from the
// managers, and the recipient to give to them.
func GenerateIdentity() (identity, recipient string, err error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", fmt.Errorf("generate identity: %w", err)
	}
	return id.String(), id.Recipient().String(), nil
}

// GenerateHybridIdentity is GenerateIdentity for a key pair that a quantum
// computer does not break. age opens its files from 1.3.0 on.
func GenerateHybridIdentity() (identity, recipient string, err error) {
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return "", "", fmt.Errorf("generate identity: %w", err)
	}
	return id.String(), id.Recipient().String(), nil
}

// PassphraseIdentity opens what PassphraseRecipient sealed.
func PassphraseIdentity(passphrase []byte) (*Identities, error) {
	id, err := scryptIdentity(passphrase)
	if err != nil {
		return nil, err
	}
	return newIdentities([]age.Identity{id}), nil
}

// scryptIdentity takes no more work than age puts into a file: whoever can
// write the store could otherwise ask for gigabytes of memory.
func scryptIdentity(passphrase []byte) (age.Identity, error) {
	text, err := passphraseText(passphrase)
	if err != nil {
		return nil, err
	}
	id, err := age.NewScryptIdentity(text)
	if err != nil {
		return nil, errBadPassphrase
	}
	id.SetMaxWorkFactor(sealWork)
	return id, nil
}

// ParseIdentities is OpenIdentities for a file that is not encrypted.
func ParseIdentities(file io.Reader) (*Identities, error) { return OpenIdentities(file, nil) }

// OpenIdentities reads one file of private keys: age identities as `swarmdr key
// new` and age-keygen write them, such a file encrypted by `age -p`, or an ssh
// key. passphrase is asked at most once, and only for a file that is encrypted;
// it may be nil.
//
// Errors are ErrNeedPassphrase, ErrBadPassphrase, those of passphrase and of
// file. None quotes what was read.
func OpenIdentities(file io.Reader, passphrase func() ([]byte, error)) (*Identities, error) {
	text, err := io.ReadAll(io.LimitReader(file, maxIdentityFile+1))
	if err != nil {
		return nil, fmt.Errorf("read identity: %w", err)
	}
	if len(text) > maxIdentityFile {
		return nil, fmt.Errorf("parse identity: more than %d bytes", maxIdentityFile)
	}
	ids, err := parseIdentities(text, passphrase)
	if err != nil {
		return nil, fmt.Errorf("parse identity: %w", err)
	}
	return newIdentities(ids), nil
}

func parseIdentities(text []byte, passphrase func() ([]byte, error)) ([]age.Identity, error) {
	start := string(bytes.TrimSpace(text[:min(len(text), 1024)]))
	switch {
	case strings.HasPrefix(start, ageMagic):
		return openIdentityFile(bytes.NewReader(text), passphrase)
	case strings.HasPrefix(start, armor.Header):
		return openIdentityFile(armor.NewReader(bytes.NewReader(text)), passphrase)
	case strings.HasPrefix(start, "-----BEGIN"):
		id, err := parseSSHIdentity(text, passphrase)
		return []age.Identity{id}, err
	}
	return plainIdentities(bytes.NewReader(text))
}

func plainIdentities(text io.Reader) ([]age.Identity, error) {
	ids, err := age.ParseIdentities(text)
	if err != nil {
		return nil, errors.New("not an age identity file")
	}
	return ids, nil
}

// openIdentityFile opens what `age -p` wrote.
func openIdentityFile(file io.Reader, passphrase func() ([]byte, error)) ([]age.Identity, error) {
	secret, err := ask(passphrase)
	if err != nil {
		return nil, err
	}
	id, err := scryptIdentity(secret)
	if err != nil {
		return nil, err
	}
	plain, err := age.Decrypt(bufio.NewReader(file), id)
	if noMatch := (*age.NoIdentityMatchError)(nil); errors.As(err, &noMatch) {
		return nil, wrongFor(noMatch)
	}
	if err != nil {
		return nil, fmt.Errorf("open encrypted file: %v", err)
	}
	text, err := io.ReadAll(io.LimitReader(plain, maxIdentityFile))
	if err != nil {
		return nil, fmt.Errorf("open encrypted file: %v", err)
	}
	return plainIdentities(bytes.NewReader(text))
}

// wrongFor tells a wrong passphrase from a file that none opens.
func wrongFor(noMatch *age.NoIdentityMatchError) error {
	if len(noMatch.StanzaTypes) == 1 && noMatch.StanzaTypes[0] == "scrypt" {
		return ErrBadPassphrase
	}
	return errors.New("it is encrypted, but not with a passphrase")
}

func ask(passphrase func() ([]byte, error)) ([]byte, error) {
	if passphrase == nil {
		return nil, ErrNeedPassphrase
	}
	secret, err := passphrase()
	if err != nil {
		return nil, fmt.Errorf("read passphrase: %w", err)
	}
	return secret, nil
}
