package box

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"golang.org/x/crypto/nacl/secretbox"
	"golang.org/x/crypto/salsa20/salsa" //nolint:staticcheck // SA1019: the peer to compare with
)

func TestOpenAsSecretbox(t *testing.T) {
	needAVX2(t)
	for size := range 3 * chunk {
		check(t, size)
	}
	for _, size := range []int{1 << 16, 1<<20 + 17} {
		check(t, size)
	}
}

// needAVX2 fails where the fast way would go untested.
func needAVX2(t *testing.T) {
	t.Helper()
	if !fast {
		t.Fatal("this processor has no AVX2")
	}
}

func check(t *testing.T, size int) {
	t.Helper()
	source := rand.NewChaCha8([32]byte{byte(size), byte(size >> 8)})
	var nonce [24]byte
	var key [32]byte
	message := make([]byte, size)
	for _, b := range [][]byte{nonce[:], key[:], message} {
		source.Read(b)
	}
	head := []byte("head")
	sealed := secretbox.Seal(nil, message, &nonce, &key)
	got, ok := open(head, sealed, &nonce, &key)
	if !ok || !bytes.Equal(got, append(head, message...)) {
		t.Fatalf("%d bytes: opened %t, not what was sealed", size, ok)
	}
	sealed[source.Uint64()%uint64(len(sealed))] ^= 1 << (source.Uint64() % 8)
	if got, ok := open(head, sealed, &nonce, &key); ok || got != nil {
		t.Fatalf("%d bytes: opened with a flipped bit", size)
	}
}

func TestOpenTooShort(t *testing.T) {
	for size := range secretbox.Overhead {
		if _, ok := Open(nil, make([]byte, size), new([24]byte), new([32]byte)); ok {
			t.Errorf("opened %d bytes", size)
		}
	}
}

func TestOpenAllocatesNothing(t *testing.T) {
	sealed := secretbox.Seal(nil, make([]byte, 2400), new([24]byte), new([32]byte))
	dst := make([]byte, 0, len(sealed))
	if n := testing.AllocsPerRun(100, func() { Open(dst, sealed, new([24]byte), new([32]byte)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The low half of the counter as far as a record may come.
func TestKeystreamCounts(t *testing.T) {
	needAVX2(t)
	for _, at := range []uint32{0, 1, 255, 1 << 16, 1<<31 - 1, 1<<32 - 6} {
		var nonce [24]byte
		var key, sub [32]byte
		s := newStream(&nonce, &key)
		s[counter] = at
		var got, want [chunk]byte
		s.next(&got)
		salsa.HSalsa20(&sub, new([16]byte), &key, &salsa.Sigma)
		in := [16]byte{8: byte(at), 9: byte(at >> 8), 10: byte(at >> 16), 11: byte(at >> 24)}
		salsa.XORKeyStream(want[:], want[:], &in, &sub)
		if got != want {
			t.Errorf("counter %d: another keystream than salsa20's", at)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte("message"), make([]byte, 24), make([]byte, 32))
	f.Add(bytes.Repeat([]byte("m"), 2*chunk), bytes.Repeat([]byte{7}, 24), bytes.Repeat([]byte{9}, 32))
	f.Fuzz(func(t *testing.T, message, nonce, key []byte) {
		var n [24]byte
		var k [32]byte
		copy(n[:], nonce)
		copy(k[:], key)
		if want, ok := secretbox.Open(nil, message, &n, &k); ok {
			t.Fatalf("%x opens by itself", want)
		}
		if _, ok := Open(nil, message, &n, &k); ok {
			t.Fatal("opens what secretbox does not")
		}
		got, ok := Open(nil, secretbox.Seal(nil, message, &n, &k), &n, &k)
		if !ok || !bytes.Equal(got, message) {
			t.Fatal("not what was sealed")
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	for name, open := range map[string]func([]byte, []byte, *[24]byte, *[32]byte) ([]byte, bool){
		"own": Open, "secretbox": secretbox.Open,
	} {
		b.Run(name, func(b *testing.B) {
			var nonce [24]byte
			var key [32]byte
			sealed := secretbox.Seal(nil, make([]byte, 2400), &nonce, &key)
			dst := make([]byte, 0, len(sealed))
			b.SetBytes(int64(len(sealed)))
			for b.Loop() {
				if _, ok := open(dst, sealed, &nonce, &key); !ok {
					b.Fatal("does not open")
				}
			}
		})
	}
}
