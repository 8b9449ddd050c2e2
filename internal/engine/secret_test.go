package engine_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/swarmdr/swarmdr/internal/engine"
)

func TestSecretIsRedacted(t *testing.T) {
	const text = "SWMTKN-1-hunter2"
	s := engine.NewSecret(text)
	tokens := engine.JoinTokens{Worker: s, Manager: s}
	hidden := struct{ inner engine.JoinTokens }{tokens}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		for _, v := range []any{s, &s, tokens, &tokens, hidden, &hidden, []engine.Secret{s}} {
			if out := fmt.Sprintf(verb, v); strings.Contains(out, "hunter2") || strings.Contains(out, fmt.Sprintf("%x", "hunter2")) {
				t.Errorf("%s of %T: %s", verb, v, out)
			}
		}
	}
	if out, err := json.Marshal(tokens); err != nil || strings.Contains(string(out), "hunter2") {
		t.Errorf("JSON %s, %v", out, err)
	}
	if s.Reveal() != text || (engine.Secret{}).Reveal() != "" {
		t.Error("Reveal")
	}
}
