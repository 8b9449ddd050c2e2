package cli

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// TestYAMLIsTheSameTree reads back what was written: text that looks like
// something else in YAML stays text.
func TestYAMLIsTheSameTree(t *testing.T) {
	want := map[string]any{
		"words": []any{
			"", "yes", "no", "null", "~", "017", "1e3", "0x1f", "12:30:00", "2026-11-21", "- a", "a: b", "#", "'", `"`, "\t",
			"two\nlines\n", " space ", "trailing \nspace", "ünïcödé ☃", "<b>&", "\u0000\u0007", "key: |\n  x", "!!int 5", "%", "@",
		},
		"numbers": []any{0.0, -1.0, 1.5, 1e21, 4294967296.0},
		"rest":    map[string]any{"true": true, "none": nil, "map": map[string]any{}, "list": []any{}, "": "empty key", "8": "eight"},
	}
	var out bytes.Buffer
	if err := writeYAML(&out, want); err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := yaml.Unmarshal(out.Bytes(), &tree); err != nil {
		t.Fatalf("%v in\n%s", err, &out)
	}
	back, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	if err := json.Unmarshal(back, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s\n%s", diff, &out)
	}
}

// TestYAMLKeepsTheOrder of the fields.
func TestYAMLKeepsTheOrder(t *testing.T) {
	var out bytes.Buffer
	if err := jsonToYAML(&out, []byte(`{"id":"x","spec":{"name":"web","labels":{"b":"1","a":"2"}},"list":[{"z":1,"y":2}]}`)); err != nil {
		t.Fatal(err)
	}
	want := "id: x\nspec:\n  name: web\n  labels:\n    b: \"1\"\n    a: \"2\"\nlist:\n  - z: 1\n    y: 2\n"
	if out.String() != want {
		t.Errorf("got\n%s", &out)
	}
	if err := jsonToYAML(&out, []byte(`{"id":`)); err == nil {
		t.Error("half a value was taken")
	}
}
