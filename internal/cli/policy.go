package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// knownPolicy is the retention policy that was carried out last on a part of a
// store. A daily expiry of snapshots that are taken every few minutes removes
// more than half of them each time, and rightly: only a policy that is new has
// to be looked at by a person.
type knownPolicy struct {
	path  string
	key   string
	known map[string]snapshot.Policy
}

func recallPolicy(lib *library, prefix string) (*knownPolicy, error) {
	k := &knownPolicy{filepath.Join(lib.cfg.StateDir, "expire.json"), lib.URL() + " " + prefix, map[string]snapshot.Policy{}}
	data, err := os.ReadFile(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read last policy: %w", err)
	}
	if err := json.Unmarshal(data, &k.known); err != nil {
		return nil, fmt.Errorf("read last policy %s: %v", k.path, err)
	}
	return k, nil
}

func (k *knownPolicy) is(p snapshot.Policy) bool {
	last, ok := k.known[k.key]
	p.AllowShrink, last.AllowShrink = false, false
	return ok && last == p
}

func (k *knownPolicy) remember(p snapshot.Policy) error {
	if k.is(p) {
		return nil
	}
	k.known[k.key] = p
	data, err := json.MarshalIndent(k.known, "", "  ")
	if err != nil {
		return fmt.Errorf("encode policy: %w", err)
	}
	if err := durable.MkdirAll(filepath.Dir(k.path)); err != nil {
		return err
	}
	return durable.WriteFile(k.path, append(data, '\n'), 0o600)
}
