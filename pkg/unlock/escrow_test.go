package unlock_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// holderOfEscrow is somebody who can open what is sealed to the recipient.
type holderOfEscrow struct{ identity, recipient string }

func newHolder(t testing.TB) holderOfEscrow {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	must(t, err)
	return holderOfEscrow{"# created today\n" + id.String() + "\n", id.Recipient().String()}
}

func newHybridHolder(t testing.TB) holderOfEscrow {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	must(t, err)
	return holderOfEscrow{id.String() + "\n", id.Recipient().String()}
}

func generateKey(t testing.TB) unlock.Key {
	t.Helper()
	key, err := unlock.GenerateKey()
	must(t, err)
	return key
}

func escrow(t testing.TB, key unlock.Key, recipients ...string) []byte {
	t.Helper()
	file, err := key.Escrow(recipients)
	must(t, err)
	return file
}

// Each recipient opens it alone, and age itself reads the text of the key and
// one newline.
func TestEscrow(t *testing.T) {
	for name, holders := range map[string][]holderOfEscrow{
		"one":          {newHolder(t)},
		"two":          {newHolder(t), newHolder(t)},
		"post-quantum": {newHybridHolder(t), newHybridHolder(t)},
	} {
		t.Run(name, func(t *testing.T) {
			key, names := generateKey(t), []string{}
			for _, h := range holders {
				names = append(names, h.recipient)
			}
			file := escrow(t, key, names...)
			must(t, unlock.CheckEscrow(file, key, len(names)))
			for _, h := range holders {
				opened, err := unlock.OpenEscrow(file, []byte(h.identity))
				must(t, err)
				if !opened.Equal(key) {
					t.Error("another key was opened")
				}
				wantBytes(t, "age", ageDecrypt(t, file, h.identity), []byte(key.Reveal()+"\n"))
			}
		})
	}
}

func ageDecrypt(t *testing.T, file []byte, identity string) []byte {
	t.Helper()
	ids, err := age.ParseIdentities(strings.NewReader(identity))
	must(t, err)
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader(file)), ids...)
	must(t, err)
	plain, err := io.ReadAll(r)
	must(t, err)
	return plain
}

func TestEscrowRefuses(t *testing.T) {
	key, h := generateKey(t), newHolder(t)
	if _, err := key.Escrow(nil); !errors.Is(err, unlock.ErrNoRecipient) {
		t.Errorf("nobody: %v", err)
	}
	format := (*unlock.KeyFormatError)(nil)
	if _, err := (unlock.Key{}).Escrow([]string{h.recipient}); !errors.As(err, &format) {
		t.Errorf("no key: %v", err)
	}
	for name, recipients := range map[string][]string{
		"an identity": {strings.TrimSpace(h.identity)},
		"no key":      {"age1nothing"},
		"both kinds":  {h.recipient, newHybridHolder(t).recipient},
	} {
		_, err := key.Escrow(recipients)
		if err == nil {
			t.Errorf("%s: sealed", name)
		} else if strings.Contains(err.Error(), "AGE-SECRET-KEY") {
			t.Errorf("%s: the identity is in the error", name)
		}
	}
}

// seal makes an age file of any text, as somebody else would.
func seal(t *testing.T, plain, recipient string) []byte {
	t.Helper()
	to, err := age.ParseRecipients(strings.NewReader(recipient))
	must(t, err)
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to...)
	must(t, err)
	_, err = io.WriteString(w, plain)
	must(t, err)
	must(t, w.Close())
	return b.Bytes()
}

func TestCheckEscrowRefuses(t *testing.T) {
	key, h := generateKey(t), newHolder(t)
	good := escrow(t, key, h.recipient)
	binary := seal(t, key.Reveal()+"\n", h.recipient)
	must(t, unlock.CheckEscrow(binary, key, 1))
	for name, file := range map[string][]byte{
		"empty":             nil,
		"the key itself":    []byte(key.Reveal() + "\n"),
		"cut":               good[:len(good)-40],
		"header alone":      binary[:bytes.Index(binary, []byte("\n---"))+10],
		"payload cut":       binary[:len(binary)-1],
		"something behind":  append(bytes.Clone(binary), '\n'),
		"two keys in it":    seal(t, strings.Repeat(key.Reveal()+"\n", 2), h.recipient),
		"another recipient": escrow(t, key, h.recipient, newHolder(t).recipient),
		"key in the header": bytes.Replace(binary, []byte("v1\n"), []byte("v1\n-> X "+key.Reveal()+"\n"), 1),
		"key behind armor":  append(bytes.Clone(good), key.Reveal()...),
		"far too large":     bytes.Repeat(good, 1<<13),
	} {
		err := unlock.CheckEscrow(file, key, 1)
		if !errors.Is(err, unlock.ErrNotEscrow) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), key.Reveal()[10:]) {
			t.Errorf("%s: the key is in the error", name)
		}
	}
	shown := bytes.Replace(binary, []byte("v1\n"), []byte("v1\n"+key.Reveal()+"\n"), 1)
	if err := unlock.CheckEscrow(shown, key, 1); err == nil || !strings.Contains(err.Error(), "in clear") {
		t.Errorf("the key in clear within the header: %v", err)
	}
}

func TestOpenEscrowRefuses(t *testing.T) {
	key, h := generateKey(t), newHolder(t)
	good, format := escrow(t, key, h.recipient), (*unlock.KeyFormatError)(nil)
	if _, err := unlock.OpenEscrow(good, []byte(newHolder(t).identity)); !errors.Is(err, unlock.ErrNoIdentity) {
		t.Errorf("another identity: %v", err)
	}
	if _, err := unlock.OpenEscrow(good, []byte("swarmdr-canary")); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("no identity: %v", err)
	}
	if _, err := unlock.OpenEscrow([]byte(key.Reveal()), []byte(h.identity)); !errors.Is(err, unlock.ErrNotEscrow) {
		t.Errorf("a key in clear: %v", err)
	}
	if _, err := unlock.OpenEscrow(seal(t, "swarmdr-canary", h.recipient), []byte(h.identity)); !errors.As(err, &format) || strings.Contains(err.Error(), "canary") {
		t.Errorf("something else than a key: %v", err)
	}
	binary := seal(t, key.Reveal()+"\n", h.recipient)
	binary[len(binary)-1] ^= 1
	if _, err := unlock.OpenEscrow(binary, []byte(h.identity)); !errors.Is(err, unlock.ErrNotEscrow) {
		t.Errorf("a changed byte: %v", err)
	}
}
