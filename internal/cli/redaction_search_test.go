package cli

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// secretsIn names the secrets that a text shows in any form.
func (p *planted) secretsIn(text string) []string {
	seen := newSeen(text)
	var found []string
	for name, secret := range p.secrets {
		if seen.has(secret) {
			found = append(found, name)
		}
	}
	for name, begin := range map[string]string{
		"an identity": "AGE-SECRET-KEY-", "a join token": "SWMTKN-1-", "a CA key": "BEGIN EC PRIVATE KEY", "a private key": "BEGIN PRIVATE KEY",
	} {
		if seen.has([]byte(begin)) {
			found = append(found, name)
		}
	}
	if !seen.has([]byte(canaryStem)) {
		return found
	}
	for n := 1; n <= p.canaries; n++ {
		if seen.has([]byte(canary(n))) {
			found = append(found, canary(n))
		}
	}
	return append(found, "a part of a canary")
}

// seen is a text in which a secret may stand in several forms.
type seen struct{ text, lower, numbers string }

var notDigits = regexp.MustCompile(`[^0-9]+`)

func newSeen(text string) seen {
	return seen{text, strings.ToLower(text), " " + notDigits.ReplaceAllString(text, " ") + " "}
}

func (s seen) has(secret []byte) bool {
	var decimals strings.Builder
	for _, b := range secret {
		fmt.Fprintf(&decimals, " %d", b)
	}
	return strings.Contains(s.text, string(secret)) || strings.Contains(s.lower, hex.EncodeToString(secret)) ||
		strings.Contains(s.numbers, decimals.String()+" ") ||
		slices.ContainsFunc(inBase64(secret), func(form string) bool { return strings.Contains(s.text, form) })
}

// inBase64 is how a secret looks that begins at any byte of what was encoded,
// without the digits that it shares with what stands beside it.
func inBase64(secret []byte) []string {
	var all []string
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			digits := encoding.EncodeToString(append(make([]byte, before), secret...))
			all = append(all, digits[(before*8+5)/6:(before+len(secret))*8/6])
		}
	}
	return all
}

// TestSecretsAreFound: the search above finds what it looks for.
func TestSecretsAreFound(t *testing.T) {
	p := &planted{canaries: 7, secrets: map[string][]byte{"DEK": {0, 1, 2, 250, 251, 252, 253, 254, 255, 16}}}
	word := canary(5)
	for name, text := range map[string]string{
		"clear":         "x" + word + "y",
		"base64":        base64.StdEncoding.EncodeToString([]byte(word)),
		"base64 within": base64.StdEncoding.EncodeToString([]byte("ab" + word + "c")),
		"URL":           base64.URLEncoding.EncodeToString([]byte("a" + word)),
		"hex":           fmt.Sprintf("%X", word),
		"decimals":      fmt.Sprint([]byte(word)),
		"JSON list":     strings.ReplaceAll(fmt.Sprint([]byte(word)), " ", ",\n  "),
	} {
		if found := p.secretsIn(text); !slices.Contains(found, word) {
			t.Errorf("%s: found %q", name, found)
		}
	}
	for _, text := range []string{"[0 1 2 250 251 252 253 254 255 16]", "000102fafbfcfdfeff10", base64.URLEncoding.EncodeToString([]byte{9, 0, 1, 2, 250, 251, 252, 253, 254, 255, 16})} {
		if found := p.secretsIn(text); !slices.Equal(found, []string{"DEK"}) {
			t.Errorf("%s: found %q", text, found)
		}
	}
	if found := p.secretsIn("(redacted) " + word[:5]); len(found) > 0 {
		t.Errorf("found %q", found)
	}
}
