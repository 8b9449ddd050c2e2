package unlock

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	keyFamily = "SWMKEY-"
	keyPrefix = keyFamily + "1-"

	fingerprintDomain = "swarmdr-unlock-key-v1:"
	fingerprintSize   = 16
)

// Key is the unlock key of a swarm. The zero Key stands for none.
type Key struct {
	kek secret
}

// ParseKey reads an unlock key as Docker prints it, SWMKEY-1-…; white space
// around it is ignored. Any other text is refused with a *KeyFormatError.
func ParseKey(s string) (Key, error) {
	text := strings.TrimSpace(s)
	if reason := refuseText(text); reason != "" {
		return Key{}, &KeyFormatError{Reason: reason}
	}
	kek, err := base64.RawStdEncoding.Strict().DecodeString(text[len(keyPrefix):])
	if err != nil {
		return Key{}, &KeyFormatError{Reason: "what follows " + keyPrefix + " is not base64 without padding"}
	}
	return NewKey(kek)
}

func refuseText(text string) string {
	switch {
	case text == "":
		return "it is empty"
	case !strings.HasPrefix(text, keyFamily):
		return "it does not begin with " + keyPrefix
	case !strings.HasPrefix(text, keyPrefix):
		return "its version is unknown, only " + keyPrefix + " is"
	case strings.ContainsAny(text, " \t\r\n"):
		return "it has white space inside"
	}
	return ""
}

// NewKey makes a key of the 32 bytes of a KEK, as Cluster.UnlockKeys holds
// them. The bytes are copied. Any other length is a *KeyFormatError.
func NewKey(kek []byte) (Key, error) {
	if len(kek) != keySize {
		reason := fmt.Sprintf("it holds %d bytes, not %d", len(kek), keySize)
		return Key{}, &KeyFormatError{Reason: reason}
	}
	return Key{kek: hide(kek)}, nil
}

// GenerateKey makes a key of random bytes from crypto/rand.
func GenerateKey() (Key, error) {
	return NewKey(randomBytes(keySize))
}

// Reveal returns the key as text, SWMKEY-1-…, and "" for the zero Key. It is
// meant for the unlock call of the engine and for nothing else.
func (k Key) Reveal() string {
	if k.IsZero() {
		return ""
	}
	return keyPrefix + base64.RawStdEncoding.EncodeToString(k.kek())
}

// Fingerprint returns a public name of the key that stays the same for ever:
// "SHA256:" and, in lower-case hex, the first 16 bytes of the SHA-256 of the
// string "swarmdr-unlock-key-v1:" followed by the 32 bytes of the KEK. The KEK
// is random, so its name gives nothing away. The zero Key has the name "".
func (k Key) Fingerprint() string {
	if k.IsZero() {
		return ""
	}
	hash := sha256.New()
	hash.Write([]byte(fingerprintDomain))
	hash.Write(k.kek())
	return "SHA256:" + hex.EncodeToString(hash.Sum(nil)[:fingerprintSize])
}

// IsZero tells whether there is no key.
func (k Key) IsZero() bool {
	return k.kek == nil
}

// Equal compares two keys in constant time. Two zero Keys are equal.
func (k Key) Equal(other Key) bool {
	if k.IsZero() || other.IsZero() {
		return k.IsZero() == other.IsZero()
	}
	return subtle.ConstantTimeCompare(k.kek(), other.kek()) == 1
}
