package snapshot_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

func testManifest() *snapshot.Manifest {
	at := time.Date(2026, 11, 20, 19, 4, 5, 0, time.UTC)
	return &snapshot.Manifest{
		Format: snapshot.FormatVersion, Name: snapshot.NewName("c", "n", at), Created: at, Tool: "swarmdr test",
		Mode: snapshot.Cold, DownMS: 1200, Hostname: "m1", Engine: "28.5.2",
		Contents:   snapshot.Contents{ClusterID: "c", NodeID: "n", Index: 7, Objects: map[string]int{"secret": 2}, CertificateExpires: at},
		Files:      []snapshot.File{{Path: "raft/x.wal", Mode: "0600", Size: 8192, Apparent: 64000000, SHA256: strings.Repeat("0f", 32)}},
		SealedSize: 9, SealedSHA256: strings.Repeat("1e", 32), Recipients: []string{"age1x"},
	}
}

func newSigner(t testing.TB) (signer, verifier string) {
	t.Helper()
	signer, verifier, err := snapshot.GenerateSigner("m1")
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}

func sign(t testing.TB, m *snapshot.Manifest, signer string) []byte {
	t.Helper()
	data, err := snapshot.SignManifest(m, signer)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestManifestRoundTrip(t *testing.T) {
	signer, verifier := newSigner(t)
	_, other := newSigner(t)
	want := testManifest()
	data := sign(t, want, signer)
	for _, c := range []struct {
		name    string
		trusted []string
		signed  string
	}{
		{"trusted", []string{verifier}, "m1"},
		{"one of several", []string{other, verifier}, "m1"},
		{"not checked", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, signedBy, err := snapshot.OpenManifest(data, c.trusted)
			if err != nil || signedBy != c.signed {
				t.Fatalf("signed by %q, %v", signedBy, err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestManifestUntrusted(t *testing.T) {
	signer, verifier := newSigner(t)
	_, other := newSigner(t)
	data := sign(t, testManifest(), signer)
	tampered := bytes.Replace(data, []byte(`"index": 7`), []byte(`"index": 8`), 1)
	resigned := sign(t, testManifest(), func() string { s, _ := newSigner(t); return s }())
	for name, c := range map[string]struct {
		data    []byte
		trusted string
	}{
		"another signer is trusted":     {data, other},
		"another key of the same name":  {resigned, verifier},
		"the text was changed":          {tampered, verifier},
		"the text was changed, another": {tampered, other},
	} {
		t.Run(name, func(t *testing.T) {
			if m, _, err := snapshot.OpenManifest(c.data, []string{c.trusted}); !errors.Is(err, snapshot.ErrUntrusted) || m != nil {
				t.Errorf("got %v, %v", m, err)
			}
		})
	}
	if bytes.Equal(data, tampered) {
		t.Error("nothing was changed")
	}
}

func TestManifestRefuses(t *testing.T) {
	signer, verifier := newSigner(t)
	m := testManifest()
	m.Name = "c/n/now"
	foreign := testManifest()
	foreign.Contents.ClusterID = "d"
	future := testManifest()
	future.Format = snapshot.FormatVersion + 1
	none := testManifest()
	none.Format = 0
	good := sign(t, testManifest(), signer)
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"a newer format":  {sign(t, future, signer), snapshot.ErrNewerFormat},
		"no format":       {sign(t, none, signer), snapshot.ErrMalformed},
		"a name of none":  {sign(t, m, signer), snapshot.ErrMalformed},
		"another cluster": {sign(t, foreign, signer), snapshot.ErrMalformed},
		"empty":           {nil, snapshot.ErrMalformed},
		"not a note":      {[]byte("{}"), snapshot.ErrMalformed},
		"without its end": {good[:len(good)-2], snapshot.ErrMalformed},
		"without a begin": {good[2:], snapshot.ErrUntrusted},
		"no UTF-8":        {append([]byte{0xff}, good...), snapshot.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if m, _, err := snapshot.OpenManifest(c.data, []string{verifier}); !errors.Is(err, c.want) || m != nil {
				t.Errorf("got %v, %v; want %v", m, err, c.want)
			}
		})
	}
}

// What a reader relies on must be there, whoever signed.
func TestManifestLacks(t *testing.T) {
	signer, verifier := newSigner(t)
	for name, change := range map[string]func(m *snapshot.Manifest){
		"no name":             func(m *snapshot.Manifest) { m.Name = "" },
		"no node":             func(m *snapshot.Manifest) { m.Contents.NodeID = "" },
		"another node":        func(m *snapshot.Manifest) { m.Contents.NodeID = "n2" },
		"no size":             func(m *snapshot.Manifest) { m.SealedSize = 0 },
		"no digest":           func(m *snapshot.Manifest) { m.SealedSHA256 = "" },
		"half a digest":       func(m *snapshot.Manifest) { m.SealedSHA256 = m.SealedSHA256[:32] },
		"a digest in caps":    func(m *snapshot.Manifest) { m.SealedSHA256 = strings.ToUpper(m.SealedSHA256) },
		"no files":            func(m *snapshot.Manifest) { m.Files = nil },
		"a file of less":      func(m *snapshot.Manifest) { m.Files[0].Size = -1 },
		"a file above":        func(m *snapshot.Manifest) { m.Files[0].Path = "../etc/passwd" },
		"a file with no hash": func(m *snapshot.Manifest) { m.Files[0].SHA256 = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			m := testManifest()
			change(m)
			if m, _, err := snapshot.OpenManifest(sign(t, m, signer), []string{verifier}); !errors.Is(err, snapshot.ErrMalformed) || m != nil {
				t.Errorf("got %v, %v", m, err)
			}
		})
	}
}

// A newer manifest may hold what this version cannot decode.
func TestNewerFormatBeforeContent(t *testing.T) {
	data := []byte("{\"format\": 2, \"name\": {\"cluster\": 1}}\n\n— m1 AAAAAAAA\n")
	if _, _, err := snapshot.OpenManifest(data, nil); !errors.Is(err, snapshot.ErrNewerFormat) {
		t.Errorf("got %v", err)
	}
}

func TestSigningKeyIsInNoError(t *testing.T) {
	signer, _ := newSigner(t)
	broken := strings.Replace(signer, "+", " ", 1)
	_, err := snapshot.SignManifest(testManifest(), broken)
	if err == nil || strings.Contains(err.Error(), broken[len(broken)-20:]) {
		t.Errorf("got %v", err)
	}
}

// A mistake in the configuration is told as such, and never taken for no
// signer, which would check nothing.
func TestMalformedVerifier(t *testing.T) {
	signer, good := newSigner(t)
	data := sign(t, testManifest(), signer)
	for name, bad := range map[string]string{
		"nonsense": "nonsense", "empty": "", "cut": good[:len(good)-3], "a signer": signer, "another name": "x" + good,
	} {
		t.Run(name, func(t *testing.T) {
			trusted := []string{good, bad}
			m, _, err := snapshot.OpenManifest(data, trusted)
			if !errors.Is(err, snapshot.ErrBadVerifier) || m != nil || !strings.Contains(err.Error(), "signer 2") {
				t.Errorf("got %v, %v", m, err)
			}
			if strings.Contains(err.Error(), signer[30:]) {
				t.Errorf("the error shows the key: %v", err)
			}
			if err := snapshot.CheckVerifiers(trusted); !errors.Is(err, snapshot.ErrBadVerifier) {
				t.Errorf("check: %v", err)
			}
		})
	}
	if err := snapshot.CheckVerifiers([]string{good}); err != nil {
		t.Error(err)
	}
}

// Whatever opens unchecked opens again when it is signed.
func FuzzOpenManifest(f *testing.F) {
	signer, verifier := newSigner(f)
	f.Add(sign(f, testManifest(), signer))
	f.Add([]byte("{\"format\": 1, \"name\": \"c/n/20261120T190405.123Z\", \"x\": 1}\n\n— m1 AAAAAAAA\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, _, err := snapshot.OpenManifest(data, nil)
		if err != nil {
			return
		}
		again, _, err := snapshot.OpenManifest(sign(t, m, signer), []string{verifier})
		if err != nil || again.Name != m.Name || len(again.Files) != len(m.Files) {
			t.Errorf("%+v became %+v, %v", m, again, err)
		}
	})
}
