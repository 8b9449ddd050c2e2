package snapshot

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

var (
	// ErrNoIdentity is returned by Fetch when none of the identities opens the
	// archive: it was sealed to others.
	ErrNoIdentity = errors.New("none of the identities opens the archive")
	// ErrNotSealed is returned by Backup and Fetch when a stored archive is not
	// an age file.
	ErrNotSealed = errors.New("the stored archive is not an age file")
)

var errNoRecipient = errors.New("no recipient: a snapshot must be sealed to somebody")

const ageMagic = "age-encryption.org/v1\n"

// Recipients are age public keys: who can open what is sealed to them.
type Recipients struct {
	names []string
	keys  []age.Recipient
}

// ParseRecipients reads "age1…" and "age1pq1…" public keys. An empty list is an
// error: nothing is ever stored unsealed. So is a mixture of both kinds, which
// age refuses: it would be no safer than the weaker one.
func ParseRecipients(names []string) (*Recipients, error) {
	if len(names) == 0 {
		return nil, errNoRecipient
	}
	r := &Recipients{names: names}
	for i, name := range names {
		keys, err := age.ParseRecipients(bytes.NewReader([]byte(name)))
		if err != nil {
			return nil, fmt.Errorf("parse recipient %d: %v", i+1, err)
		}
		r.keys = append(r.keys, keys...)
	}
	if _, err := age.Encrypt(io.Discard, r.keys...); err != nil {
		return nil, fmt.Errorf("use recipients: %v", err)
	}
	return r, nil
}

// Names are the public keys as they were given.
func (r *Recipients) Names() []string { return r.names }

// Identities are age private keys. They print as (redacted).
type Identities struct{ open func() []age.Identity }

const redacted = "(redacted)"

// String returns a constant.
func (Identities) String() string { return redacted }

// GoString returns a constant.
func (Identities) GoString() string { return redacted }

// MarshalText returns a constant.
func (Identities) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// ParseIdentities reads an identity file as `swarmdr key new` and age-keygen
// write it.
func ParseIdentities(r io.Reader) (*Identities, error) {
	ids, err := age.ParseIdentities(r)
	if err != nil {
		return nil, errors.New("parse identity: not an age identity file")
	}
	return &Identities{func() []age.Identity { return ids }}, nil
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

// seal writes src to dst, compressed and encrypted.
func seal(dst io.Writer, to *Recipients, src io.Reader) error {
	sealed, err := age.Encrypt(dst, to.keys...)
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	packed, err := zstd.NewWriter(sealed, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	if _, err := io.Copy(packed, src); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	if err := packed.Close(); err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	return sealed.Close()
}

// unseal writes the plaintext of src to dst.
func unseal(dst io.Writer, with *Identities, src io.Reader) error {
	head := bufio.NewReader(src)
	if magic, err := head.Peek(len(ageMagic)); err != nil || string(magic) != ageMagic {
		return ErrNotSealed
	}
	opened, err := age.Decrypt(head, with.open()...)
	if noMatch := (*age.NoIdentityMatchError)(nil); errors.As(err, &noMatch) {
		return ErrNoIdentity
	}
	if err != nil {
		return fmt.Errorf("open archive: %w", err)
	}
	packed, err := zstd.NewReader(opened, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(64<<20))
	if err != nil {
		return fmt.Errorf("decompress archive: %w", err)
	}
	defer packed.Close()
	if _, err := io.Copy(dst, packed); err != nil {
		return fmt.Errorf("open archive: %w", err)
	}
	return nil
}

// digest counts and hashes what passes.
type digest struct {
	hash hash.Hash
	size int64
	head []byte
}

func newDigest() *digest { return &digest{hash: sha256.New()} }

func (d *digest) Write(p []byte) (int, error) {
	if missing := len(ageMagic) - len(d.head); missing > 0 {
		d.head = append(d.head, p[:min(missing, len(p))]...)
	}
	d.size += int64(len(p))
	return d.hash.Write(p)
}

func (d *digest) sum() string { return hex.EncodeToString(d.hash.Sum(nil)) }

// sealed says whether what passed began as an age file does.
func (d *digest) sealed() bool { return string(d.head) == ageMagic }
