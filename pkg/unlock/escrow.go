package unlock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
)

var (
	// ErrNoRecipient is returned by Key.Escrow when there is nobody to seal to.
	ErrNoRecipient = errors.New("no recipient: an escrow must be sealed to somebody")
	// ErrNotEscrow is returned by CheckEscrow and OpenEscrow for a file that
	// Key.Escrow did not make, or that was changed since.
	ErrNotEscrow = errors.New("it is not the escrow of an unlock key")
	// ErrNoIdentity is returned by OpenEscrow when none of the identities opens
	// the file: it was sealed to others.
	ErrNoIdentity = errors.New("none of the identities opens the escrow")
)

const (
	escrowMagic = "age-encryption.org/v1\n"
	// maxEscrowSize bounds the work on a foreign file; one that is sealed to
	// 20 post-quantum recipients has 40 KiB.
	maxEscrowSize = 1 << 20
	// escrowPayload is what follows the header: a nonce of 16 bytes, the text of
	// the key with its newline, and a tag of 16 bytes (C2SP age.md).
	escrowPayload = 16 + len(keyPrefix) + 43 + 1 + 16
)

// Escrow seals the key to age recipients, public keys "age1…" or "age1pq1…",
// each of which opens it alone. The result is an armored age file; its
// plaintext is the text of the key and a newline, so that `age -d -i IDENTITY`
// yields what an engine asks for.
//
// Errors: ErrNoRecipient, *KeyFormatError for the zero Key, and what age says of
// a recipient that it cannot use.
func (k Key) Escrow(recipients []string) ([]byte, error) {
	if k.IsZero() {
		return nil, &KeyFormatError{Reason: "it is empty"}
	}
	to, err := parseRecipients(recipients)
	if err != nil {
		return nil, err
	}
	var file bytes.Buffer
	armored := armor.NewWriter(&file)
	sealed, err := age.Encrypt(armored, to...)
	if err != nil {
		return nil, fmt.Errorf("seal unlock key: %v", err)
	}
	if _, err := io.WriteString(sealed, k.Reveal()+"\n"); err != nil {
		return nil, fmt.Errorf("seal unlock key: %v", err)
	}
	if err := errors.Join(sealed.Close(), armored.Close()); err != nil {
		return nil, fmt.Errorf("seal unlock key: %v", err)
	}
	return file.Bytes(), nil
}

// CheckRecipients says whether Escrow can seal to these recipients.
func CheckRecipients(names []string) error {
	_, err := parseRecipients(names)
	return err
}

func parseRecipients(names []string) ([]age.Recipient, error) {
	var to []age.Recipient
	for i, name := range names {
		keys, err := age.ParseRecipients(strings.NewReader(name))
		if err != nil {
			return nil, fmt.Errorf("parse recipient %d: %v", i+1, err)
		}
		to = append(to, keys...)
	}
	if len(to) == 0 {
		return nil, ErrNoRecipient
	}
	return to, nil
}

// CheckEscrow checks, without an identity, what was read back of an escrow: it
// is a whole age file, sealed to that many recipients, of the length that an
// unlock key has, and shows nothing of key. Whether it opens only an identity
// can tell. Its error has ErrNotEscrow in its tree.
func CheckEscrow(file []byte, key Key, recipients int) error {
	binary, err := unarmor(file)
	if err != nil {
		return err
	}
	header, payload, ok := bytes.Cut(binary, []byte("\n---"))
	_, payload, whole := bytes.Cut(payload, []byte("\n"))
	if !ok || !whole {
		return fmt.Errorf("%w: its header is cut", ErrNotEscrow)
	}
	if n := bytes.Count(header, []byte("\n-> ")); n != recipients {
		return fmt.Errorf("%w: it is sealed to %d recipients, not %d", ErrNotEscrow, n, recipients)
	}
	if len(payload) != escrowPayload {
		return fmt.Errorf("%w: %d bytes are sealed in it, not %d", ErrNotEscrow, len(payload), escrowPayload)
	}
	if key.shows(file) || key.shows(binary) {
		return fmt.Errorf("%w: it holds the key in clear", ErrNotEscrow)
	}
	return nil
}

// shows tells whether b holds the key as it is written or as its bytes.
func (k Key) shows(b []byte) bool {
	return !k.IsZero() && (bytes.Contains(b, []byte(k.Reveal()[len(keyPrefix):])) || bytes.Contains(b, k.kek()))
}

// OpenEscrow opens what Key.Escrow sealed, or any age file of an unlock key,
// armored or not. identities is the text of age identity files. Errors:
// ErrNotEscrow, ErrNoIdentity, *KeyFormatError when something else than a key
// was sealed; none quotes what was read.
func OpenEscrow(file, identities []byte) (Key, error) {
	ids, err := age.ParseIdentities(bytes.NewReader(identities))
	if err != nil {
		return Key{}, errors.New("parse identity: not an age identity file")
	}
	binary, err := unarmor(file)
	if err != nil {
		return Key{}, err
	}
	plain, err := age.Decrypt(bytes.NewReader(binary), ids...)
	if noMatch := (*age.NoIdentityMatchError)(nil); errors.As(err, &noMatch) {
		return Key{}, ErrNoIdentity
	}
	if err != nil {
		return Key{}, fmt.Errorf("%w: %v", ErrNotEscrow, err)
	}
	text, err := io.ReadAll(io.LimitReader(plain, maxEscrowSize))
	if err != nil {
		return Key{}, fmt.Errorf("%w: %v", ErrNotEscrow, err)
	}
	return ParseKey(string(text))
}

// unarmor returns the age file proper.
func unarmor(file []byte) ([]byte, error) {
	if len(file) > maxEscrowSize {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrNotEscrow, len(file))
	}
	if trimmed := bytes.TrimSpace(file); bytes.HasPrefix(trimmed, []byte(armor.Header)) {
		binary, err := io.ReadAll(armor.NewReader(bytes.NewReader(trimmed)))
		if err != nil {
			return nil, fmt.Errorf("%w: %v", ErrNotEscrow, err)
		}
		file = binary
	}
	if !bytes.HasPrefix(file, []byte(escrowMagic)) {
		return nil, fmt.Errorf("%w: it is no age file", ErrNotEscrow)
	}
	return file, nil
}
