package snapshot

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"golang.org/x/crypto/ssh"
)

// parseSSHRecipient reads a line of authorized_keys without options, as age
// does. The public name is that of the line without its comment, which may name
// a person.
func parseSSHRecipient(line string) (public string, key age.Recipient, err error) {
	parsed, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return "", nil, errors.New("malformed ssh public key")
	}
	public = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(parsed)))
	switch kind := parsed.Type(); kind {
	case ssh.KeyAlgoED25519:
		key, err = agessh.NewEd25519Recipient(parsed)
	case ssh.KeyAlgoRSA:
		key, err = agessh.NewRSARecipient(parsed)
	default:
		return "", nil, fmt.Errorf("ssh key of type %q: age seals to ssh-ed25519 and ssh-rsa", kind)
	}
	if err != nil {
		return "", nil, fmt.Errorf("use ssh public key: %v", err)
	}
	return public, key, nil
}

// parseSSHIdentity reads a private key in one of ssh's own forms. An encrypted
// one is opened at once: a wrong passphrase is told before anything is fetched.
func parseSSHIdentity(pem []byte, passphrase func() ([]byte, error)) (age.Identity, error) {
	key, err := ssh.ParseRawPrivateKey(pem)
	if missing := (*ssh.PassphraseMissingError)(nil); errors.As(err, &missing) {
		if key, err = openSSHKey(pem, passphrase); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, errSSHKey
	}
	switch key := key.(type) {
	case *ed25519.PrivateKey:
		return agessh.NewEd25519Identity(*key)
	case ed25519.PrivateKey: // from PKCS #8
		return agessh.NewEd25519Identity(key)
	case *rsa.PrivateKey:
		return agessh.NewRSAIdentity(key)
	}
	return nil, errSSHKey
}

var errSSHKey = errors.New("not an ssh private key of type ed25519 or rsa")

func openSSHKey(pem []byte, passphrase func() ([]byte, error)) (any, error) {
	secret, err := ask(passphrase)
	if err != nil {
		return nil, err
	}
	text, err := passphraseText(secret)
	if err != nil {
		return nil, err
	}
	key, err := ssh.ParseRawPrivateKeyWithPassphrase(pem, []byte(text))
	if errors.Is(err, x509.IncorrectPasswordError) {
		return nil, ErrBadPassphrase
	}
	if err != nil {
		return nil, errSSHKey
	}
	return key, nil
}
