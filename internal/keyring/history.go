// Package keyring keeps and changes the unlock keys of a swarm: it escrows
// them, remembers their fingerprints, rotates them, and unlocks managers.
//
// A swarm forgets its unlock key when it gets another one. Node keys of
// managers that were down meanwhile, and all older snapshots, need the old one
// still. So each key is saved before anything else can fail, and a history in
// the state directory tells which fingerprint belongs to which time. The
// history holds no keys.
package keyring

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

const (
	historyFile    = "unlock-keys.json"
	historyVersion = 1
)

// History is STATE_DIR/unlock-keys.json: the unlock keys that were seen here,
// by fingerprint, oldest first.
type History struct {
	Format int     `json:"format"`
	Keys   []Entry `json:"keys"`
	// Rotating is there while a rotation is not finished.
	Rotating *Rotating `json:"rotating,omitempty"`
}

// Entry is one key of one swarm.
type Entry struct {
	ClusterID   string `json:"cluster_id"`
	Fingerprint string `json:"fingerprint"`
	// Version is Cluster.Meta.Version.Index from which on the swarm has the key,
	// as near as could be seen; node keys carry it as kek-version.
	Version   uint64    `json:"version"`
	FirstSeen time.Time `json:"first_seen"`
	// Made says that a rotation from here made the key.
	Made bool `json:"made,omitempty"`
	// Rotated is when the key was seen to be replaced by another.
	Rotated time.Time `json:"rotated,omitzero"`
	// Escrows are the files that it was sealed into.
	Escrows []string `json:"escrows,omitempty"`
}

// Rotating says that a rotation away from a key was begun. Version is that of
// the cluster before.
type Rotating struct {
	ClusterID string    `json:"cluster_id"`
	From      string    `json:"from"`
	Version   uint64    `json:"version"`
	Begun     time.Time `json:"begun"`
}

// Load reads the history of a state directory; there may be none yet.
func Load(stateDir string) (*History, error) {
	path := filepath.Join(stateDir, historyFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &History{Format: historyVersion}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read unlock key history: %w", err)
	}
	h := &History{}
	if err := json.Unmarshal(data, h); err != nil {
		return nil, fmt.Errorf("read unlock key history %s: %v", path, err)
	}
	if h.Format != historyVersion {
		return nil, fmt.Errorf("read unlock key history %s: format %d, want %d", path, h.Format, historyVersion)
	}
	return h, nil
}

// Save writes the history durably.
func (h *History) Save(stateDir string) error {
	data, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.MkdirAll(stateDir); err != nil {
		return fmt.Errorf("create state directory: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(stateDir, historyFile), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write unlock key history: %w", err)
	}
	return nil
}

// Find returns the entry of a key, nil if it was never seen. It stays valid
// until the next Note.
func (h *History) Find(clusterID, fingerprint string) *Entry {
	for i := range h.Keys {
		if e := &h.Keys[i]; e.ClusterID == clusterID && e.Fingerprint == fingerprint {
			return e
		}
	}
	return nil
}

// Note remembers that the swarm has the key now, and had it at version.
func (h *History) Note(clusterID, fingerprint string, version uint64, now time.Time) *Entry {
	now = now.UTC().Truncate(time.Second)
	for i := range h.Keys {
		if e := &h.Keys[i]; e.ClusterID == clusterID && e.Fingerprint != fingerprint && e.Rotated.IsZero() {
			e.Rotated = now
		}
	}
	if e := h.Find(clusterID, fingerprint); e != nil {
		e.Version, e.Rotated = min(e.Version, version), time.Time{}
		return e
	}
	h.Keys = append(h.Keys, Entry{ClusterID: clusterID, Fingerprint: fingerprint, Version: version, FirstSeen: now})
	return &h.Keys[len(h.Keys)-1]
}

// NoteOld remembers a key without a word on which one the swarm has now. The
// first key of a swarm is taken for that.
func (h *History) NoteOld(clusterID, fingerprint string, version uint64, now time.Time) *Entry {
	if h.Newest(clusterID) == nil {
		return h.Note(clusterID, fingerprint, version, now)
	}
	e := Entry{ClusterID: clusterID, Fingerprint: fingerprint, Version: version, FirstSeen: now.UTC().Truncate(time.Second)}
	e.Rotated = e.FirstSeen
	h.Keys = append(h.Keys, e)
	return &h.Keys[len(h.Keys)-1]
}

// Newest is the key that the swarm had when it was last looked at, nil if it
// never was.
func (h *History) Newest(clusterID string) *unlock.Known {
	for _, e := range slices.Backward(h.Keys) {
		if e.ClusterID == clusterID && e.Rotated.IsZero() {
			return &unlock.Known{Fingerprint: e.Fingerprint, Version: e.Version}
		}
	}
	return nil
}

// At is the key that a node key of that kek-version is locked with, nil where
// the history leaves it open: it does not go back so far, or the key may have
// been rotated by others between two that it knows.
func (h *History) At(clusterID string, kekVersion uint64) *Entry {
	var at, next *Entry
	for i := range h.Keys {
		e := &h.Keys[i]
		switch {
		case e.ClusterID != clusterID:
		case e.Version <= kekVersion && (at == nil || e.Version >= at.Version):
			at = e
		case e.Version > kekVersion && (next == nil || e.Version < next.Version):
			next = e
		}
	}
	if at != nil && (at.Version == kekVersion || next != nil && next.Made) {
		return at
	}
	return nil
}

// Escrowed notes a file that the key was sealed into.
func (e *Entry) Escrowed(path string) {
	if !slices.Contains(e.Escrows, path) {
		e.Escrows = append(e.Escrows, path)
	}
}
