package snapshot_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// everyKind has a key pair of each kind that a file can be sealed to.
func everyKind(t testing.TB) map[string]keyPair {
	t.Helper()
	return map[string]keyPair{
		"X25519": newKeyPair(t), "hybrid": hybridPair(t), "ssh-ed25519": sshPair(t, ed25519Key(t), ""), "ssh-rsa": sshPair(t, rsaKey(t, 2048), ""),
	}
}

func hybridPair(t testing.TB) keyPair {
	t.Helper()
	identity, recipient, err := snapshot.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return keyPair{identities(t, identity), recipient, identity}
}

func identities(t testing.TB, text string) *snapshot.Identities {
	t.Helper()
	ids, err := snapshot.ParseIdentities(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func ed25519Key(t testing.TB) any {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &key
}

func rsaKey(t testing.TB, bits int) any {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sshPair is as ssh-keygen writes it; identity is nil for an encrypted key.
func sshPair(t testing.TB, key any, passphrase string) keyPair {
	t.Helper()
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	if passphrase != "" {
		block, err := ssh.MarshalPrivateKeyWithPassphrase(key, "a comment", []byte(passphrase))
		if err != nil {
			t.Fatal(err)
		}
		return keyPair{nil, public, string(pem.EncodeToMemory(block))}
	}
	block, err := ssh.MarshalPrivateKey(key, "a comment")
	if err != nil {
		t.Fatal(err)
	}
	private := string(pem.EncodeToMemory(block))
	return keyPair{identities(t, private), public, private}
}

func TestParseRecipients(t *testing.T) {
	x, other, hybrid := newKeyPair(t).recipient, newKeyPair(t).recipient, hybridPair(t).recipient
	secure := sshPair(t, ed25519Key(t), "").recipient
	for name, c := range map[string]struct{ names, want []string }{
		"one":                  {[]string{x}, []string{x}},
		"several":              {[]string{x, secure, other}, []string{x, secure, other}},
		"named twice":          {[]string{x, other, " " + x + "\n"}, []string{x, other}},
		"post-quantum":         {[]string{hybrid}, []string{hybrid}},
		"ssh with its comment": {[]string{secure + " alice@example.com", secure}, []string{secure}},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := snapshot.ParseRecipients(c.names)
			if err != nil || !slices.Equal(r.Names(), c.want) {
				t.Fatalf("got %v, %v", r, err)
			}
			again, err := snapshot.ParseRecipients(r.Names())
			if err != nil || !slices.Equal(again.Names(), c.want) {
				t.Errorf("its names again: %v, %v", again, err)
			}
		})
	}
}

func TestParseRecipientsRefuses(t *testing.T) {
	pair := newKeyPair(t)
	good, hybrid := pair.recipient, hybridPair(t).recipient
	small := sshPair(t, rsaKey(t, 1024), "").recipient
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	many := make([]string, 101)
	for i := range many {
		many[i] = newKeyPair(t).recipient
	}
	for name, c := range map[string]struct {
		names []string
		want  error
		words string
	}{
		"none":                 {nil, snapshot.ErrNoRecipient, ""},
		"an empty one":         {[]string{""}, nil, "recipient 1"},
		"nonsense":             {[]string{good, "age1nonsense"}, nil, "recipient 2: malformed"},
		"post-quantum, cut":    {[]string{hybrid[:len(hybrid)-9]}, nil, "recipient 1: malformed"},
		"a private key":        {[]string{pair.private}, nil, "private key"},
		"a private ssh key":    {[]string{sshPair(t, ed25519Key(t), "").private}, nil, "private key"},
		"both kinds, mixed":    {[]string{good, hybrid}, snapshot.ErrMixedRecipients, "1 post-quantum"},
		"passphrase and a key": {[]string{good, "passphrase"}, snapshot.ErrMixedRecipients, "recipient 2"},
		"ssh, cut":             {[]string{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW"}, nil, "malformed ssh"},
		"ssh, of another type": {[]string{sshPair(t, curve, "x").recipient}, nil, "not a public key"},
		"ssh, a certificate":   {[]string{"ssh-dss AAAAB3NzaC1kc3MAAACBAA=="}, nil, "ssh"},
		"ssh, a small key":     {[]string{small}, nil, "too small"},
		"two lines in one":     {[]string{good + "\n" + good}, nil, "malformed"},
		"too many":             {many, nil, "101 recipients"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := snapshot.ParseRecipients(c.names)
			if err == nil || r != nil {
				t.Fatalf("got %v, %v", r, err)
			}
			if c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("got %v", err)
			}
			if strings.Contains(err.Error(), pair.private[20:40]) || len(err.Error()) > 150 {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

func TestReadRecipients(t *testing.T) {
	x, secure := newKeyPair(t).recipient, sshPair(t, ed25519Key(t), "").recipient
	text := "# who may open\n\n" + x + "\r\n\t# alice\n  " + secure + " alice@example.com\n" + secure
	names, err := snapshot.ReadRecipients(strings.NewReader(text))
	if err != nil || !slices.Equal(names, []string{x, secure + " alice@example.com", secure}) {
		t.Fatalf("got %q, %v", names, err)
	}
	if r := recipients(t, names...); !slices.Equal(r.Names(), []string{x, secure}) {
		t.Errorf("got %q", r.Names())
	}
}

func TestReadRecipientsRefuses(t *testing.T) {
	x := newKeyPair(t).recipient
	for name, c := range map[string]struct {
		text, words string
		want        error
	}{
		"empty":          {"", "no recipient", snapshot.ErrNoRecipient},
		"comments":       {"# nobody\n\n", "no recipient", snapshot.ErrNoRecipient},
		"nonsense":       {"# one\n" + x + "\nwho\n", "line 3: ", nil},
		"a comment":      {x + " alice\n", "line 1: ", nil},
		"a passphrase":   {"passphrase\n", "line 1: ", snapshot.ErrMixedRecipients},
		"an endless one": {x + "\n" + strings.Repeat("a", 1<<20), "read recipients: ", nil},
		"binary":         {"\x00\xff\xfe", "line 1: ", nil},
	} {
		t.Run(name, func(t *testing.T) {
			names, err := snapshot.ReadRecipients(strings.NewReader(c.text))
			if err == nil || names != nil || !strings.Contains(err.Error(), c.words) || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %q, %v", names, err)
			}
		})
	}
	if _, err := snapshot.ReadRecipients(broken{}); !errors.Is(err, errFault) {
		t.Errorf("got %v", err)
	}
}

// What is taken from a file is taken again, by the names it gave.
func FuzzReadRecipients(f *testing.F) {
	for _, pair := range everyKind(f) {
		f.Add("# comment\n" + pair.recipient + " name\n" + pair.recipient)
		f.Add(pair.private)
	}
	f.Fuzz(func(t *testing.T, text string) {
		names, err := snapshot.ReadRecipients(strings.NewReader(text))
		if err != nil {
			return
		}
		r, err := snapshot.ParseRecipients(names)
		if err != nil {
			if !errors.Is(err, snapshot.ErrMixedRecipients) && len(names) <= 100 {
				t.Errorf("the same keys are refused: %v", err)
			}
			return
		}
		again, err := snapshot.ParseRecipients(r.Names())
		if err != nil || !slices.Equal(again.Names(), r.Names()) {
			t.Errorf("%q became %v, %v", r.Names(), again, err)
		}
	})
}
