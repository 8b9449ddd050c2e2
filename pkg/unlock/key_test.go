package unlock_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/moby/swarmkit/v2/manager/encryption"

	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// The key of the bytes 0 to 31.
const (
	sampleKey         = "SWMKEY-1-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	sampleFingerprint = "SHA256:32276f3aa65e0cd75a351b916a134046"
)

func sampleKEK() []byte {
	kek := make([]byte, 32)
	for i := range kek {
		kek[i] = byte(i)
	}
	return kek
}

func TestParseKey(t *testing.T) {
	want, err := unlock.NewKey(sampleKEK())
	must(t, err)
	for _, text := range []string{
		sampleKey,
		sampleKey + "\n",
		" \t" + sampleKey + "\r\n\n",
		encryption.HumanReadableKey(sampleKEK()),
	} {
		key, err := unlock.ParseKey(text)
		must(t, err)
		if !key.Equal(want) || key.Reveal() != sampleKey {
			t.Errorf("%q: another key", text)
		}
		kek, err := encryption.ParseHumanReadableKey(key.Reveal())
		must(t, err)
		wantBytes(t, "swarmkit's key", kek, sampleKEK())
	}
}

func TestParseKeyRefuses(t *testing.T) {
	tests := map[string]struct{ text, reason string }{
		"empty":           {"", "empty"},
		"white space":     {" \n", "empty"},
		"no prefix":       {strings.TrimPrefix(sampleKey, "SWMKEY-1-"), "begin with SWMKEY-1-"},
		"lower case":      {strings.ToLower(sampleKey), "begin with SWMKEY-1-"},
		"join token":      {"SWMTKN-1-49nj1cmql0jkz5s954yi3oex3nedyz0fb0xx14ie39trti4wxv", "begin with SWMKEY-1-"},
		"label before":    {"key: " + sampleKey, "begin with SWMKEY-1-"},
		"unknown version": {strings.Replace(sampleKey, "-1-", "-2-", 1), "version is unknown"},
		"version 10":      {strings.Replace(sampleKey, "-1-", "-10-", 1), "version is unknown"},
		"two lines":       {sampleKey[:30] + "\n" + sampleKey[30:], "white space inside"},
		"no key":          {"SWMKEY-1-", "holds 0 bytes, not 32"},
		"short":           {sampleKey[:len(sampleKey)-3], "holds 30 bytes, not 32"},
		"long":            {sampleKey + "AAAA", "holds 35 bytes, not 32"},
		"longer":          {sampleKey[:len(sampleKey)-3] + "AAAA", "holds 33 bytes, not 32"},
		"padded":          {sampleKey + "=", "base64"},
		"URL alphabet":    {strings.Replace(sampleKey, "AAEC", "-_EC", 1), "base64"},
		"stray bits":      {sampleKey[:len(sampleKey)-1] + "9", "base64"},
		"cut character":   {sampleKey[:len(sampleKey)-1], "base64"},
		"NUL":             {sampleKey[:20] + "\x00" + sampleKey[21:], "base64"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			key, err := unlock.ParseKey(test.text)
			var format *unlock.KeyFormatError
			if !errors.As(err, &format) {
				t.Fatalf("got %v, want a *KeyFormatError", err)
			}
			if !strings.Contains(format.Reason, test.reason) {
				t.Errorf("got %q, want %q", format.Reason, test.reason)
			}
			if !key.IsZero() {
				t.Error("there is a key all the same")
			}
			secret := test.text[strings.LastIndex(test.text, "-")+1:]
			if len(secret) > 4 && strings.Contains(err.Error(), secret[:5]) {
				t.Error("the error quotes its input")
			}
		})
	}
}

func TestNewKey(t *testing.T) {
	kek := sampleKEK()
	key, err := unlock.NewKey(kek)
	must(t, err)
	clear(kek)
	if key.Reveal() != sampleKey {
		t.Error("the key changes with the bytes it was made of")
	}
	for _, size := range []int{0, 16, 31, 33, 64} {
		var format *unlock.KeyFormatError
		if _, err := unlock.NewKey(make([]byte, size)); !errors.As(err, &format) {
			t.Errorf("%d bytes: %v, want a *KeyFormatError", size, err)
		}
	}
}

func TestGenerateKey(t *testing.T) {
	one, err := unlock.GenerateKey()
	must(t, err)
	two, err := unlock.GenerateKey()
	must(t, err)
	if one.Equal(two) || one.IsZero() {
		t.Error("two keys are the same")
	}
	again, err := unlock.ParseKey(one.Reveal())
	must(t, err)
	if !again.Equal(one) || again.Fingerprint() != one.Fingerprint() {
		t.Error("the key does not survive its text")
	}
}

// The fingerprint is written into manifests: it must never change. This one
// was made by coreutils:
//
//	{ printf swarmdr-unlock-key-v1:; printf %s= "${KEY#SWMKEY-1-}" | base64 -d; } |
//		sha256sum | cut -c 1-32
func TestFingerprint(t *testing.T) {
	key, err := unlock.ParseKey(sampleKey)
	must(t, err)
	if got := key.Fingerprint(); got != sampleFingerprint {
		t.Errorf("got %s, want %s", got, sampleFingerprint)
	}
}

func TestZeroKey(t *testing.T) {
	var zero unlock.Key
	if !zero.IsZero() || !zero.Equal(unlock.Key{}) {
		t.Error("the zero Key is not zero")
	}
	if zero.Reveal() != "" || zero.Fingerprint() != "" {
		t.Error("the zero Key has a text")
	}
	key, err := unlock.NewKey(make([]byte, 32))
	must(t, err)
	if key.IsZero() || key.Equal(zero) || zero.Equal(key) {
		t.Error("a key of zero bytes is the zero Key")
	}
}

func FuzzParseKey(f *testing.F) {
	seeds := []string{sampleKey, "", "SWMKEY-1-", "SWMKEY-2-AAAA", "\n" + sampleKey + " ", sampleKey + "="}
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, err := unlock.ParseKey(text)
		if err != nil {
			return
		}
		if key.Reveal() != strings.TrimSpace(text) {
			t.Error("the text changes on its way through a Key")
		}
		kek, err := encryption.ParseHumanReadableKey(key.Reveal())
		if err != nil || len(kek) != 32 {
			t.Error("swarmkit refuses the key")
		}
		again, err := unlock.NewKey(bytes.Clone(kek))
		if err != nil || !again.Equal(key) {
			t.Error("the key is not that of swarmkit")
		}
	})
}
