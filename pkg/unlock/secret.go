package unlock

import (
	"bytes"
	"crypto/rand"
)

// keySize is the length in bytes of a KEK and of a DEK.
const keySize = 32

// secret keeps bytes where no printer finds them: fmt and reflection see the
// address of a function.
type secret func() []byte

func hide(b []byte) secret {
	kept := bytes.Clone(b)
	return func() []byte { return kept }
}

// array is for secrets of keySize bytes only.
func (s secret) array() *[keySize]byte {
	return (*[keySize]byte)(s())
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // ends the process rather than fail (Go 1.24)
	return b
}
