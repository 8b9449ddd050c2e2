package snapshot_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// keyPair is an identity and the recipient it opens.
type keyPair struct {
	identity  *snapshot.Identities
	recipient string
	private   string
}

func newKeyPair(t testing.TB) keyPair {
	t.Helper()
	identity, recipient, err := snapshot.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	ids, err := snapshot.ParseIdentities(strings.NewReader("# created today\n" + identity + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return keyPair{ids, recipient, identity}
}

func recipients(t testing.TB, names ...string) *snapshot.Recipients {
	t.Helper()
	r, err := snapshot.ParseRecipients(names)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sealed(t testing.TB, plain []byte, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := snapshot.Seal(&b, recipients(t, names...), bytes.NewReader(plain)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// noise does not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(b)
	return b
}

func TestSealRoundTrip(t *testing.T) {
	first, second := newKeyPair(t), newKeyPair(t)
	for _, plain := range [][]byte{nil, []byte("x"), noise(64 << 10), make([]byte, 3<<20), noise(1<<20 + 1)} {
		data := sealed(t, plain, first.recipient, second.recipient)
		for _, pair := range []keyPair{first, second} {
			var got bytes.Buffer
			if err := snapshot.Unseal(&got, pair.identity, bytes.NewReader(data)); err != nil {
				t.Fatalf("%d bytes: %v", len(plain), err)
			}
			if !bytes.Equal(got.Bytes(), plain) {
				t.Errorf("%d bytes became %d", len(plain), got.Len())
			}
		}
	}
}

// One file opens with each kind of key, and with no other.
func TestSealToEveryKind(t *testing.T) {
	kinds := everyKind(t)
	for name, pair := range kinds {
		t.Run(name, func(t *testing.T) {
			data := sealed(t, []byte("content"), pair.recipient)
			for other, with := range kinds {
				var b bytes.Buffer
				err := snapshot.Unseal(&b, with.identity, bytes.NewReader(data))
				if other == name && (err != nil || b.String() != "content") {
					t.Errorf("%q, %v", b.String(), err)
				}
				if other != name && !errors.Is(err, snapshot.ErrNoIdentity) {
					t.Errorf("opens with %s: %v", other, err)
				}
			}
		})
	}
}

// age's command line opens what is sealed to any kind that is no newer than it.
func TestSealIsAge(t *testing.T) {
	dir := t.TempDir()
	for name, pair := range everyKind(t) {
		if name == "hybrid" {
			continue // Debian's age 1.1.1 is older
		}
		key := filepath.Join(dir, name)
		if err := os.WriteFile(key, []byte(pair.private), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "-c", `age -d -i "$0" | zstd -d`, key)
		cmd.Stdin = bytes.NewReader(sealed(t, []byte("content"), pair.recipient))
		if out, err := cmd.Output(); err != nil || string(out) != "content" {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
}

// What is stored is an age file to as many recipients as it should be.
func TestSealedTo(t *testing.T) {
	one, two := newKeyPair(t).recipient, newKeyPair(t).recipient
	both := sealed(t, noise(100<<10), one, two)
	for name, c := range map[string]struct {
		data []byte
		to   []string
		ok   bool
	}{
		"as it should be":       {both, []string{one, two}, true},
		"one is missing":        {sealed(t, nil, one), []string{one, two}, false},
		"one too many":          {both, []string{one}, false},
		"plaintext":             {noise(100 << 10), []string{one}, false},
		"nothing":               {nil, []string{one}, false},
		"a header without end":  {both[:150], []string{one}, false},
		"stanzas in plain text": {[]byte("hello\n-> X25519 a\n--- b\n"), []string{one}, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, step := range []int{1, 7, 200, 1 << 20} {
				err := snapshot.SealedTo(c.data, step, recipients(t, c.to...))
				if (err == nil) != c.ok || err != nil && !errors.Is(err, snapshot.ErrNotSealed) {
					t.Errorf("in steps of %d: %v", step, err)
				}
			}
		})
	}
}

// A hundred post-quantum recipients are a header of 200 KiB.
func TestSealedToMany(t *testing.T) {
	var names []string
	for range 100 {
		names = append(names, hybridPair(t).recipient)
	}
	data := sealed(t, noise(1<<20), names...)
	if err := snapshot.SealedTo(data, 32<<10, recipients(t, names...)); err != nil {
		t.Error(err)
	}
}

func TestUnsealRefuses(t *testing.T) {
	pair, other := newKeyPair(t), newKeyPair(t)
	good := sealed(t, noise(200<<10), pair.recipient)
	for name, c := range map[string]struct {
		data []byte
		with keyPair
		want error
	}{
		"another identity":       {good, other, snapshot.ErrNoIdentity},
		"not age":                {[]byte(strings.Repeat("plaintext ", 20)), pair, snapshot.ErrNotSealed},
		"nothing":                {nil, pair, snapshot.ErrNotSealed},
		"less than a first line": {good[:10], pair, snapshot.ErrNotSealed},
		"another version":        {bytes.Replace(good, []byte("org/v1"), []byte("org/v2"), 1), pair, snapshot.ErrNotSealed},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := snapshot.Unseal(&b, c.with.identity, bytes.NewReader(c.data)); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if b.Len() > 0 {
				t.Errorf("%d bytes came out", b.Len())
			}
		})
	}
}

// age ends in a last chunk that is marked as such: no cut goes unnoticed.
func TestUnsealOfACutFile(t *testing.T) {
	pair := newKeyPair(t)
	data := sealed(t, noise(200<<10), pair.recipient)
	cuts := []int{1, 2, 16, 17, len(data) - (64<<10 + 16), len(data) / 2}
	for n := len(data) - 1; n > 0; n -= 4093 {
		cuts = append(cuts, len(data)-n)
	}
	for _, cut := range cuts {
		err := snapshot.Unseal(&bytes.Buffer{}, pair.identity, bytes.NewReader(data[:len(data)-cut]))
		if !errors.Is(err, snapshot.ErrDamaged) && (len(data)-cut > 21 || !errors.Is(err, snapshot.ErrNotSealed)) {
			t.Errorf("%d bytes are missing of %d: %v", cut, len(data), err)
		}
	}
}

// A disk that is full is no damage of what is read.
func TestUnsealToABrokenDisk(t *testing.T) {
	pair := newKeyPair(t)
	data := sealed(t, noise(200<<10), pair.recipient)
	full := onWrite(func([]byte) error { return errFault })
	if err := snapshot.Unseal(full, pair.identity, bytes.NewReader(data)); !errors.Is(err, errFault) || errors.Is(err, snapshot.ErrDamaged) {
		t.Errorf("got %v", err)
	}
}
