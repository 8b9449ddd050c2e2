package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swarmdr/swarmdr/internal/config"
)

func TestLoad(t *testing.T) {
	for _, tc := range []struct{ name, file, wantErr string }{
		{"empty", "", ""},
		{"full", "host: unix:///a\nswarm_dir: /s\nstate_dir: /d\nunlock_key_file: /k\nengine:\n  stop: [a]\n  start: [b]\n", ""},
		{"unknown field", "host: unix:///a\nhots: b\n", "line 2: field hots not found"},
		{"repeated field", "host: a\nhost: b\n", `line 2: mapping key "host" already defined at line 1`},
		{"two key sources", "unlock_key_file: /k\nunlock_key_command: [k]\n", "exclude each other"},
		{"stop without start", "engine: {stop: [a]}\n", "need each other"},
		{"relative state", "state_dir: x\n", "not an absolute path"},
		{"wrong type", "recipients: {a: b}\n", "line 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c.yaml")
			if err := os.WriteFile(path, []byte(tc.file), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := config.Load(path)
			if tc.wantErr == "" {
				if err != nil || c.StateDir == "" || c.Store == "" {
					t.Fatalf("%+v, %v", c, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.wantErr) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want %q", err, tc.wantErr)
			}
		})
	}
}

func TestLoadMissing(t *testing.T) {
	if _, err := config.Load(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) && !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v", err)
	}
}
