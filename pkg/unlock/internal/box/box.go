// Package box opens NaCl secretboxes (XSalsa20-Poly1305) as
// golang.org/x/crypto/nacl/secretbox does, only faster where the processor has
// AVX2: the time to read a raft log is mostly the time of this cipher, and the
// assembly of x/crypto/salsa20 is for SSE2.
package box

import (
	"crypto/subtle"
	"encoding/binary"

	"golang.org/x/crypto/nacl/secretbox"
	"golang.org/x/crypto/poly1305"      //nolint:staticcheck // SA1019: deprecated in favour of secretbox, which is what this is
	"golang.org/x/crypto/salsa20/salsa" //nolint:staticcheck // SA1019: likewise; HSalsa20 stands nowhere else
)

// chunk is what one call of keystream makes, in bytes: six blocks of Salsa20.
const (
	block = 64
	chunk = 6 * block
)

// Open appends the content of sealed to dst, which must not overlap it, and
// says whether key and nonce fit. Otherwise dst comes back as nil. It is
// secretbox.Open, and calls it where there is no AVX2.
func Open(dst, sealed []byte, nonce *[24]byte, key *[32]byte) ([]byte, bool) {
	if !fast || len(sealed) < secretbox.Overhead {
		return secretbox.Open(dst, sealed, nonce, key)
	}
	return open(dst, sealed, nonce, key)
}

// open follows secretbox.Open: the first 32 bytes of the keystream are the key
// of Poly1305, and the message goes on from there.
func open(dst, sealed []byte, nonce *[24]byte, key *[32]byte) ([]byte, bool) {
	s := newStream(nonce, key)
	var stream [chunk]byte
	s.next(&stream)
	tag, message := (*[poly1305.TagSize]byte)(sealed), sealed[poly1305.TagSize:]
	if !poly1305.Verify(tag, message, (*[32]byte)(stream[:])) {
		return nil, false
	}
	start := len(dst)
	dst = append(dst, message...)
	rest := dst[start:]
	n := subtle.XORBytes(rest, rest, stream[32:])
	for rest = rest[n:]; len(rest) > 0; rest = rest[n:] {
		s.next(&stream)
		n = subtle.XORBytes(rest, rest, stream[:])
	}
	return dst, true
}

// stream is the state of Salsa20 as its diagonals, in the order in which the
// rounds take them: words 0 5 10 15, 4 9 14 3, 8 13 2 7, 12 1 6 11.
type stream [16]uint32

// counter is where the low half of the block counter stands.
const counter = 8

// newStream is that of XSalsa20: HSalsa20 makes the key from the first 16
// bytes of the nonce.
func newStream(nonce *[24]byte, key *[32]byte) stream {
	var sub [32]byte
	salsa.HSalsa20(&sub, (*[16]byte)(nonce[:]), key, &salsa.Sigma)
	word := func(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[4*i:]) }
	sigma, k, n := salsa.Sigma[:], sub[:], nonce[16:]
	return stream{
		word(sigma, 0), word(sigma, 1), word(sigma, 2), word(sigma, 3),
		word(k, 3), 0, word(k, 7), word(k, 2),
		0, word(k, 6), word(k, 1), word(n, 1),
		word(k, 5), word(k, 0), word(n, 0), word(k, 4),
	}
}

// next makes the following blocks. The high half of the counter stays 0: a
// record is far below the 256 GiB at which it would count.
func (s *stream) next(dst *[chunk]byte) {
	keystream(dst, s)
	s[counter] += chunk / block
}
