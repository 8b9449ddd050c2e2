package unlock_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/moby/swarmkit/v2/manager/encryption"
	"go.yaml.in/yaml/v3"

	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// spellings are what printers would make of the secrets.
func spellings(secrets ...[]byte) []string {
	var all []string
	for _, secret := range secrets {
		decimal := strings.Trim(fmt.Sprintf("%d", secret[:8]), "[]")
		octets := strings.Trim(fmt.Sprintf("%#v", secret[:4]), "[]byte{}")
		all = append(all,
			string(secret[:8]),
			hex.EncodeToString(secret[:6]),
			strings.ToUpper(hex.EncodeToString(secret[:6])),
			base64.StdEncoding.EncodeToString(secret[:9]),
			decimal,
			strings.ReplaceAll(decimal, " ", ","),
			octets,
		)
	}
	return all
}

// holder holds values as callers will.
type holder[T any] struct {
	Exported T
	hidden   T
	Pointer  *T
	pointer  *T
	Slice    []T
	slice    []T
	Any      any
	any      any
	Map      map[string]T
	nested   struct{ deeper T }
}

func holderOf[T any](v T) holder[T] {
	h := holder[T]{v, v, &v, &v, []T{v}, []T{v}, v, v, map[string]T{"v": v}, struct{ deeper T }{v}}
	return h
}

func TestRedaction(t *testing.T) {
	n := engineNode{dek: encryption.GenerateSecretKey(), pending: encryption.GenerateSecretKey(), kek: encryption.GenerateSecretKey(), kekVersion: 12}
	engine := newEngineFiles(t, n)
	key := n.unlockKey(t)
	nodeKey, err := unlock.OpenNodeKey(engine.file(t), key)
	must(t, err)
	private, err := engine.key.Bytes()
	must(t, err)
	secrets := spellings(n.dek, n.pending, n.kek, private)

	t.Run("Key", func(t *testing.T) { checkRedacted(t, key, "SWMKEY-1-(redacted)", secrets) })
	t.Run("DEKSet", func(t *testing.T) { checkRedacted(t, nodeKey.DEKs(), "raft-dek (redacted)", secrets) })
	t.Run("NodeKey", func(t *testing.T) { checkRedacted(t, *nodeKey, "swarm-node.key (redacted)", secrets) })
}

func checkRedacted[T any](t *testing.T, v T, want string, secrets []string) {
	t.Helper()
	h := holderOf(v)
	for _, printed := range printers() {
		for _, subject := range []any{v, &v, h, &h, []T{v}, map[string]T{"v": v}} {
			checkSilent(t, printed(subject), secrets)
		}
	}
	for _, verb := range verbs() {
		if got := fmt.Sprintf(verb, v); got != want {
			t.Errorf("%s prints %q, want %q", verb, got, want)
		}
	}
	text, err := json.Marshal(v)
	must(t, err)
	if string(text) != `"`+want+`"` {
		t.Errorf("JSON is %s", text)
	}
}

func checkSilent(t *testing.T, text string, secrets []string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Fatal("a secret was printed")
		}
	}
}

func verbs() []string {
	return []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%#x", "%d", "%o", "%b", "%c", "%U", "%e", "%t", "%100v", "%.3s"}
}

// printers are the ways for a value to get out.
func printers() []func(any) string {
	all := []func(any) string{
		func(v any) string { return fmt.Sprint(v) },
		func(v any) string { return fmt.Sprintf("%p", v) },
		func(v any) string { return fmt.Errorf("with %v: %w", v, fmt.Errorf("%+v", v)).Error() },
		func(v any) string { text, err := json.Marshal(v); return string(text) + fmt.Sprint(err) },
		func(v any) string { text, err := xml.Marshal(v); return string(text) + fmt.Sprint(err) },
		func(v any) string { text, err := yaml.Marshal(v); return string(text) + fmt.Sprint(err) },
		func(v any) string {
			return logged(v, func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) })
		},
		func(v any) string {
			return logged(v, func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) })
		},
	}
	for _, verb := range verbs() {
		all = append(all, func(v any) string { return fmt.Sprintf(verb, v) })
	}
	return all
}

func logged(v any, handler func(*bytes.Buffer) slog.Handler) string {
	var b bytes.Buffer
	slog.New(handler(&b)).Info("event", "key", v, slog.Group("group", "key", v))
	return b.String()
}

// The spellings that TestRedaction looks for are those a printer gives.
func TestSpellings(t *testing.T) {
	secret := encryption.GenerateSecretKey()
	for _, verb := range []string{"%v", "%s", "%x", "%X", "%d", "%#v"} {
		text := fmt.Sprintf(verb, struct{ hidden []byte }{secret})
		found := false
		for _, spelling := range spellings(secret) {
			found = found || strings.Contains(text, spelling)
		}
		if !found {
			t.Errorf("a secret printed by %s is not found", verb)
		}
	}
}
