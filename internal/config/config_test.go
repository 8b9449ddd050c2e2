package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
		{"a store", "stores: ['file:///a']\n", ""},
		{"stores", "stores:\n- file:///a\n- url: s3://b/p\n  endpoint: http://127.0.0.1:1\n  lock_mode: governance\n  lock_for: 30d\n  upload_limit: 2 MiB\nspool: {max: 5GiB}\nretention: {daily: 7, within: 36h}\n", ""},
		{"no store", "stores: []\n", "at least one"},
		{"a store without a URL", "stores:\n- region: x\n", "line 2: a store without a url"},
		{"an unknown field of a store", "stores:\n- url: s3://b\n  regoin: x\n", "line 3: field regoin not found"},
		{"a size", "spool: {max: 5GB}\n", `line 1: size "5GB"`},
		{"a negative size", "spool: {max: -1}\n", `line 1: size "-1"`},
		{"a huge size", "spool: {max: 9999999999999GiB}\n", "line 1: size"},
		{"a time span", "retention: {within: 3w}\n", `line 1: time span "3w"`},
		{"a relative spool", "spool: {dir: x}\n", "not an absolute path"},
		{"wrong type", "recipients: {a: b}\n", "line 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c.yaml")
			if err := os.WriteFile(path, []byte(tc.file), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := config.Load(path)
			if tc.wantErr == "" {
				if err != nil || c.StateDir == "" || len(c.Stores) == 0 {
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

func TestParse(t *testing.T) {
	for text, want := range map[string]config.Size{"0": 0, "7": 7, "1KiB": 1024, "3 MiB": 3 << 20, "2GiB": 2 << 30} {
		if got, err := config.ParseSize(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for text, want := range map[string]time.Duration{"90m": 90 * time.Minute, "30d": 720 * time.Hour, "0d": 0} {
		if got, err := config.ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "-1d", "99999999d", "1.5d", "-5m"} {
		if got, err := config.ParseDuration(text); err == nil {
			t.Errorf("%q: %s", text, got)
		}
	}
}
