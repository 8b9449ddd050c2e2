package snapshot_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// encrypted is a file of identities as `age -p` writes it.
func encrypted(t testing.TB, text, passphrase string, armored bool) string {
	t.Helper()
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	to.SetWorkFactor(10)
	return ageFile(t, text, to, armored)
}

func ageFile(t testing.TB, text string, to age.Recipient, armored bool) string {
	t.Helper()
	var file bytes.Buffer
	armor := armor.NewWriter(&file)
	dst := armor
	if !armored {
		dst = nopCloser{&file}
	}
	w, err := age.Encrypt(dst, to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), dst.Close()); err != nil {
		t.Fatal(err)
	}
	return file.String()
}

type nopCloser struct{ *bytes.Buffer }

func (nopCloser) Close() error { return nil }

func said(passphrase string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(passphrase), nil }
}

func TestOpenEncryptedIdentities(t *testing.T) {
	pair, hybrid := newKeyPair(t), hybridPair(t)
	secure, big := sshPair(t, ed25519Key(t), "open sesame"), sshPair(t, rsaKey(t, 2048), "open sesame")
	for name, c := range map[string]struct{ file, recipient string }{
		"age -p":               {encrypted(t, "# comment\n"+pair.private+"\n", "open sesame", false), pair.recipient},
		"age -p -a":            {encrypted(t, pair.private, "open sesame", true), pair.recipient},
		"of a post-quantum":    {encrypted(t, hybrid.private, "open sesame", true), hybrid.recipient},
		"an ssh-ed25519 key":   {secure.private, secure.recipient},
		"an ssh-rsa key":       {big.private, big.recipient},
		"spaces before it all": {"\n" + encrypted(t, pair.private, "open sesame", true), pair.recipient},
	} {
		t.Run(name, func(t *testing.T) {
			data := sealed(t, []byte("content"), c.recipient)
			ids, err := snapshot.OpenIdentities(strings.NewReader(c.file), said("open sesame\n"))
			if err != nil {
				t.Fatal(err)
			}
			if err := snapshot.Unseal(&bytes.Buffer{}, ids, bytes.NewReader(data)); err != nil {
				t.Error(err)
			}
			for want, passphrase := range map[error]func() ([]byte, error){
				snapshot.ErrBadPassphrase: said("close sesame"), snapshot.ErrNeedPassphrase: nil,
				errFault: func() ([]byte, error) { return nil, errFault },
			} {
				ids, err := snapshot.OpenIdentities(strings.NewReader(c.file), passphrase)
				if !errors.Is(err, want) || ids != nil {
					t.Errorf("got %v, want %v", err, want)
				}
			}
		})
	}
}

func TestParseIdentitiesRefuses(t *testing.T) {
	pair, secure := newKeyPair(t), sshPair(t, ed25519Key(t), "")
	to, err := age.ParseX25519Recipient(pair.recipient)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing":             "",
		"comments":            "# nothing else\n",
		"a public key":        pair.recipient,
		"a cut key":           pair.private[:40],
		"a key and a word":    pair.private + "\nword",
		"a public ssh key":    secure.recipient,
		"an ssh key, cut":     secure.private[:len(secure.private)/2],
		"a certificate":       "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"sealed to a key":     ageFile(t, pair.private, to, false),
		"sealed, but no key":  encrypted(t, "nothing", "open sesame", false),
		"encrypted, cut":      encrypted(t, pair.private, "open sesame", false)[:180],
		"encrypted, armored":  encrypted(t, pair.private, "open sesame", true)[:200],
		"more than is usual":  strings.Repeat("# comment\n", 200<<10) + pair.private,
		"too much work asked": strings.Replace(encrypted(t, pair.private, "open sesame", false), " 10\n", " 22\n", 1),
	} {
		t.Run(name, func(t *testing.T) {
			ids, err := snapshot.OpenIdentities(strings.NewReader(text), said("open sesame"))
			if err == nil || ids != nil {
				t.Fatalf("got %v, %v", ids, err)
			}
			if strings.Contains(err.Error(), pair.private[18:30]) || strings.Contains(err.Error(), "sesame") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
	if _, err := snapshot.ParseIdentities(broken{}); !errors.Is(err, errFault) {
		t.Errorf("got %v", err)
	}
}

func TestPassphrase(t *testing.T) {
	to, err := snapshot.PassphraseRecipient([]byte("open sesame\n"))
	if err != nil || fmt.Sprint(to.Names()) != "[passphrase]" {
		t.Fatalf("got %v, %v", to, err)
	}
	var file bytes.Buffer
	if err := snapshot.Seal(&file, to, strings.NewReader("content")); err != nil {
		t.Fatal(err)
	}
	for passphrase, want := range map[string]error{"open sesame": nil, "open sesame ": snapshot.ErrNoIdentity} {
		id, err := snapshot.PassphraseIdentity([]byte(passphrase + "\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		ids := snapshot.Join(id, newKeyPair(t).identity)
		if err := snapshot.Unseal(&bytes.Buffer{}, ids, bytes.NewReader(file.Bytes())); !errors.Is(err, want) {
			t.Errorf("%q: %v", passphrase, err)
		}
	}
	if err := snapshot.Unseal(&bytes.Buffer{}, newKeyPair(t).identity, &file); !errors.Is(err, snapshot.ErrNoIdentity) {
		t.Errorf("with a key: %v", err)
	}
}

func TestPassphraseRefuses(t *testing.T) {
	for _, passphrase := range []string{"", "\n", "\r\n", "two\nlines", "one\n\n", "a\x00b"} {
		if _, err := snapshot.PassphraseRecipient([]byte(passphrase)); err == nil {
			t.Errorf("%q: sealed to", passphrase)
		}
		if _, err := snapshot.PassphraseIdentity([]byte(passphrase)); err == nil {
			t.Errorf("%q: opened with", passphrase)
		}
	}
}

// Whoever can write the store can ask for any work: 2^22 rounds take 4 GiB.
func TestUnsealTakesNoEndlessWork(t *testing.T) {
	id, err := snapshot.PassphraseIdentity([]byte("open sesame"))
	if err != nil {
		t.Fatal(err)
	}
	file := strings.Replace(encrypted(t, "x", "open sesame", false), " 10\n", " 19\n", 1)
	if err := snapshot.Unseal(&bytes.Buffer{}, id, strings.NewReader(file)); !errors.Is(err, snapshot.ErrDamaged) || !strings.Contains(err.Error(), "work factor") {
		t.Errorf("got %v", err)
	}
}

func TestIdentitiesDoNotPrint(t *testing.T) {
	for kind, pair := range everyKind(t) {
		ids := snapshot.Join(pair.identity)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			for _, value := range []any{ids, *ids, struct{ any }{ids}} {
				if out := fmt.Sprintf(verb, value); len(out) > 100 {
					t.Errorf("%s: %s shows %s", kind, verb, out)
				}
			}
		}
		if out, err := json.Marshal(ids); err != nil || string(out) != `"(redacted)"` {
			t.Errorf("JSON: %s, %v", out, err)
		}
	}
}

// No file panics, and none opens what it was not made for.
func FuzzOpenIdentities(f *testing.F) {
	for _, pair := range everyKind(f) {
		f.Add([]byte("# comment\n" + pair.private))
	}
	f.Add([]byte(sshPair(f, ed25519Key(f), "x").private))
	f.Add([]byte(encrypted(f, newKeyPair(f).private, "x", true)))
	foreign := sealed(f, []byte("content"), newKeyPair(f).recipient)
	f.Fuzz(func(t *testing.T, text []byte) {
		ids, err := snapshot.ParseIdentities(bytes.NewReader(text))
		if err != nil {
			return
		}
		if err := snapshot.Unseal(&bytes.Buffer{}, ids, bytes.NewReader(foreign)); !errors.Is(err, snapshot.ErrNoIdentity) {
			t.Errorf("got %v", err)
		}
	})
}
