package snapshot_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/snapshot/snapshottest"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

const vectorsDir = "../../testfixtures/vectors"

// vector is one of testfixtures/vectors: a snapshot as it lies in a store, and
// what a reader must say of it.
type vector struct {
	name       string
	Name       snapshot.Name `json:"name"`
	Identity   string        `json:"identity"`
	Passphrase string        `json:"passphrase"`
	UnlockKey  string        `json:"unlock_key"`
	Verifier   string        `json:"verifier"`
	Error      string        `json:"error"`
	AgeSince   string        `json:"age_since"`
}

// vectorErrors are the errors that vectors name.
var vectorErrors = map[string]error{
	"":               nil,
	"ErrContents":    snapshot.ErrContents,
	"ErrDamaged":     snapshot.ErrDamaged,
	"ErrDigest":      snapshot.ErrDigest,
	"ErrMalformed":   snapshot.ErrMalformed,
	"ErrMismatch":    snapshot.ErrMismatch,
	"ErrNewerFormat": snapshot.ErrNewerFormat,
	"ErrNoIdentity":  snapshot.ErrNoIdentity,
	"ErrNotArchive":  snapshot.ErrNotArchive,
	"ErrNotSealed":   snapshot.ErrNotSealed,
	"ErrUntrusted":   snapshot.ErrUntrusted,
}

func vectors(t *testing.T) []vector {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(vectorsDir, "*/vector.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	for _, file := range files {
		v := vector{name: filepath.Base(filepath.Dir(file))}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &v); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, v)
	}
	return all
}

func (v vector) read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(vectorsDir, file))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (v vector) store(t *testing.T) snapshot.Store {
	t.Helper()
	store := snapshottest.NewMem()
	for _, object := range []string{v.Name.Manifest(), v.Name.Archive()} {
		put(t, store, object, v.read(t, filepath.Join(v.name, "store", object)))
	}
	return store
}

func (v vector) identity(t *testing.T) *snapshot.Identities {
	t.Helper()
	if v.Passphrase == "" {
		return identities(t, string(v.read(t, v.Identity)))
	}
	id, err := snapshot.PassphraseIdentity(v.read(t, v.Passphrase))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (v vector) key(t *testing.T) (key unlock.Key) {
	t.Helper()
	if v.UnlockKey == "" {
		return key
	}
	key, err := unlock.ParseKey(string(v.read(t, v.UnlockKey)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (v vector) restore(t *testing.T, scratch string) error {
	t.Helper()
	store := v.store(t)
	m, signedBy, err := snapshot.Load(t.Context(), store, v.Name, []string{strings.TrimSpace(string(v.read(t, v.Verifier)))})
	if err != nil {
		return err
	}
	if signedBy != "vectors" {
		t.Errorf("signed by %q", signedBy)
	}
	opened, err := snapshot.Fetch(t.Context(), store, m, v.identity(t), scratch)
	if err != nil {
		return err
	}
	return errors.Join(snapshot.ProveManifest(opened, m, v.key(t)), opened.Close())
}

// TestVectors reads all of testfixtures/vectors.
func TestVectors(t *testing.T) {
	all := vectors(t)
	seen := map[string]int{}
	for _, v := range all {
		t.Run(v.name, func(t *testing.T) {
			want, known := vectorErrors[v.Error]
			if !known {
				t.Fatalf("unknown error %q", v.Error)
			}
			scratch := t.TempDir()
			err := v.restore(t, scratch)
			if !errors.Is(err, want) {
				t.Errorf("got %v, want %q", err, v.Error)
			}
			for name, other := range vectorErrors {
				if other != nil && name != v.Error && errors.Is(err, other) {
					t.Errorf("it is %s as well: %v", name, err)
				}
			}
			wantEmpty(t, scratch)
		})
		seen[v.Error]++
	}
	for name := range vectorErrors {
		if seen[name] == 0 {
			t.Errorf("no vector shows %q", name)
		}
	}
	if len(all) < 50 || seen[""] < 10 {
		t.Errorf("%d vectors, %d of them good", len(all), seen[""])
	}
}

// The scenarios that a reader of the format needs most are there.
func TestVectorNames(t *testing.T) {
	var names []string
	for _, v := range vectors(t) {
		names = append(names, v.name)
	}
	for _, want := range []string{
		"x25519", "hybrid", "ssh-ed25519", "passphrase", "several", "x25519-autolock", "resealed", "truncated", "truncated-at-a-chunk",
		"flipped-byte", "wrong-digest", "newer-format", "unknown-fields", "missing-digest", "other-signer", "tar-parent", "tar-absolute",
		"tar-symlink", "tar-device", "tar-duplicate", "tar-file-first", "bomb", "frames", "skippable-frame", "moved",
	} {
		if !slices.Contains(names, want) {
			t.Errorf("no vector %s", want)
		}
	}
}
