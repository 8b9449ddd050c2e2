package snapshot_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// keyPair is an identity and the recipient it opens.
type keyPair struct {
	identity  *snapshot.Identities
	recipient string
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
	return keyPair{ids, recipient}
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
		if err := snapshot.Unseal(&bytes.Buffer{}, pair.identity, bytes.NewReader(data[:len(data)-cut])); err == nil {
			t.Errorf("%d bytes are missing of %d, and it opened", cut, len(data))
		}
	}
}

func TestParseRecipientsRefuses(t *testing.T) {
	identity, _, err := snapshot.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	good := newKeyPair(t).recipient
	for name, names := range map[string][]string{
		"none":              nil,
		"an empty one":      {""},
		"nonsense":          {good, "age1nonsense"},
		"a private key":     {identity},
		"an SSH key":        {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN"},
		"both kinds, mixed": {good, hybrid.Recipient().String()},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := snapshot.ParseRecipients(names)
			if err == nil || r != nil {
				t.Fatalf("got %v, %v", r, err)
			}
			if strings.Contains(err.Error(), identity[20:40]) {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
	r := recipients(t, hybrid.Recipient().String())
	if !slices.Equal(r.Names(), []string{hybrid.Recipient().String()}) {
		t.Errorf("got %s", r.Names())
	}
}

func TestParseIdentitiesRefuses(t *testing.T) {
	identity, recipient, err := snapshot.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing":          "",
		"comments":         "# nothing else\n",
		"a public key":     recipient,
		"a cut key":        identity[:40],
		"a key and a word": identity + "\nword",
	} {
		t.Run(name, func(t *testing.T) {
			ids, err := snapshot.ParseIdentities(strings.NewReader(text))
			if err == nil || ids != nil {
				t.Fatalf("got %v, %v", ids, err)
			}
			if strings.Contains(err.Error(), identity[18:30]) {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

func TestIdentitiesDoNotPrint(t *testing.T) {
	identity, _, err := snapshot.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	ids, err := snapshot.ParseIdentities(strings.NewReader(identity))
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{ids, *ids, struct{ any }{ids}} {
			if out := fmt.Sprintf(verb, value); strings.Contains(strings.ToUpper(out), identity[18:30]) {
				t.Errorf("%s shows the key", verb)
			}
		}
	}
	if out, err := json.Marshal(ids); err != nil || strings.Contains(string(out), identity[18:30]) {
		t.Errorf("JSON: %s, %v", out, err)
	}
}
