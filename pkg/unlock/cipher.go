package unlock

import (
	"encoding/base64"
	"fmt"

	"github.com/fernet/fernet-go"
	"github.com/swarmdr/swarmdr/pkg/unlock/internal/box"
	"golang.org/x/crypto/nacl/secretbox"
)

const (
	nonceSize = 24

	// A Fernet token: version, time, IV, at least one block, HMAC-SHA-256.
	fernetBlock    = 16
	fernetOverhead = 1 + 8 + fernetBlock + 32
)

func (r *record) checkSecretbox() error {
	if len(r.nonce) != nonceSize {
		return recordError(0, fmt.Sprintf("its nonce has %d bytes, not %d", len(r.nonce), nonceSize))
	}
	if len(r.data) < secretbox.Overhead {
		return recordError(0, fmt.Sprintf("its data has %d bytes, fewer than %d", len(r.data), secretbox.Overhead))
	}
	return nil
}

// checkFernet keeps tokens away from the library that it would index out of
// range with, should their HMAC be right.
func (r *record) checkFernet() error {
	token, err := base64.URLEncoding.DecodeString(string(r.data))
	if err != nil {
		return recordError(0, "its data is no base64")
	}
	payload := len(token) - fernetOverhead
	if payload <= 0 || payload%fernetBlock != 0 {
		return recordError(0, fmt.Sprintf("its data has %d bytes, the length of no Fernet token", len(token)))
	}
	return nil
}

// open tries the keys in turn. Only ErrCannotDecrypt comes from it.
func (r *record) open(keys ...secret) ([]byte, error) {
	return r.appendOpen(nil, keys...)
}

// appendOpen is open that appends to dst. A key may be nil.
func (r *record) appendOpen(dst []byte, keys ...secret) ([]byte, error) {
	if r.algorithm == algorithmNone {
		return append(dst, r.data...), nil
	}
	for _, key := range keys {
		if key == nil {
			continue
		}
		if plain, ok := r.openWith(dst, key); ok {
			return plain, nil
		}
	}
	return nil, ErrCannotDecrypt
}

func (r *record) openWith(dst []byte, key secret) ([]byte, bool) {
	switch r.algorithm {
	case algorithmSecretbox:
		return box.Open(dst, r.data, (*[nonceSize]byte)(r.nonce), key.array())
	case algorithmFernet:
		plain := fernet.VerifyAndDecrypt(r.data, 0, []*fernet.Key{(*fernet.Key)(key.array())})
		return append(dst, plain...), plain != nil
	}
	return nil, false
}

func seal(algorithm uint64, plain []byte, key secret) (*record, error) {
	switch algorithm {
	case algorithmSecretbox:
		return sealSecretbox(plain, key), nil
	case algorithmFernet:
		return sealFernet(plain, key)
	}
	return &record{data: plain}, nil
}

func sealSecretbox(plain []byte, key secret) *record {
	nonce := randomBytes(nonceSize)
	data := secretbox.Seal(nil, plain, (*[nonceSize]byte)(nonce), key.array())
	return &record{algorithm: algorithmSecretbox, data: data, nonce: nonce}
}

func sealFernet(plain []byte, key secret) (*record, error) {
	data, err := fernet.EncryptAndSign(plain, (*fernet.Key)(key.array()))
	if err != nil {
		return nil, fmt.Errorf("seal Fernet token: %v", err)
	}
	return &record{algorithm: algorithmFernet, data: data}, nil
}
