package keyring_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/swarmdr/swarmdr/pkg/unlock"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func generateKey(t testing.TB) unlock.Key {
	t.Helper()
	key, err := unlock.GenerateKey()
	must(t, err)
	return key
}

func newIdentity(t testing.TB) (identity []byte, recipient string) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	must(t, err)
	return []byte(id.String() + "\n"), id.Recipient().String()
}

func read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return string(data)
}

func wantMode(t testing.TB, path string) {
	t.Helper()
	st, err := os.Stat(path)
	must(t, err)
	if st.Mode() != 0o600 {
		t.Errorf("%s has mode %v", filepath.Base(path), st.Mode())
	}
}

// wantNames compares the names in a directory.
func wantNames(t testing.TB, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%v in the directory, want %v", got, want)
	}
}

// wantOpens opens an escrow and compares the key.
func wantOpens(t testing.TB, path string, identity []byte, want unlock.Key) {
	t.Helper()
	key, err := unlock.OpenEscrow([]byte(read(t, path)), identity)
	must(t, err)
	if !key.Equal(want) {
		t.Errorf("%s holds %s, want %s", filepath.Base(path), key.Fingerprint(), want.Fingerprint())
	}
}
