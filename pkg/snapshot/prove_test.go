package snapshot_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

const (
	nodeCert = "certificates/swarm-node.crt"
	rootCert = "certificates/swarm-root-ca.crt"
)

func prove(t testing.TB, s *fixture.Swarm) *snapshot.Proof {
	t.Helper()
	p, err := snapshot.Prove(os.DirFS(s.Dir), s.Key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What is replayed is what the engine itself listed.
func TestProve(t *testing.T) {
	for _, name := range fixture.Managers(t) {
		t.Run(name, func(t *testing.T) {
			s := fixture.Copy(t, name)
			c := prove(t, s).Contents
			for _, kind := range []string{"node", "secret", "config", "service"} {
				if c.Objects[kind] != s.Objects[kind] || s.Objects[kind] == 0 {
					t.Errorf("%d %ss, the engine listed %d", c.Objects[kind], kind, s.Objects[kind])
				}
			}
			if c.ClusterID == "" || c.NodeID == "" || c.RaftID == "" || c.Index < c.Commit || c.Term == 0 || c.Voters == 0 {
				t.Errorf("%+v", c)
			}
			if c.Autolock == s.Key.IsZero() || c.KeyFingerprint != s.Key.Fingerprint() {
				t.Errorf("autolock %v, key %s", c.Autolock, c.KeyFingerprint)
			}
			if !strings.HasPrefix(c.Address, "10.") || c.CertificateExpires.IsZero() {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestProveOfAnArchive(t *testing.T) {
	s := fixture.Copy(t, fixture.Autolock)
	a, _ := stage(t, s.Dir, snapshot.Cold)
	p, err := snapshot.Prove(a, s.Key)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.Contents, prove(t, s).Contents; got.Index != want.Index || got.NodeID != want.NodeID {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestProveChangesNothing(t *testing.T) {
	s := fixture.Copy(t, fixture.Autolock)
	before := fingerprint(t, s.Dir)
	prove(t, s)
	if after := fingerprint(t, s.Dir); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
}

func TestProveKeys(t *testing.T) {
	wrong, err := unlock.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	locked, plain := fixture.Copy(t, fixture.Autolock), fixture.Copy(t, fixture.Plain)
	for name, c := range map[string]struct {
		dir  string
		key  unlock.Key
		want error
	}{
		"locked, no key":     {locked.Dir, unlock.Key{}, unlock.ErrLocked},
		"locked, wrong key":  {locked.Dir, wrong, unlock.ErrWrongKey},
		"not locked, a key":  {plain.Dir, wrong, nil},
		"not locked, no key": {plain.Dir, unlock.Key{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := snapshot.Prove(os.DirFS(c.dir), c.key); !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	p, err := snapshot.Prove(os.DirFS(plain.Dir), wrong)
	if err != nil || p.Contents.KeyFingerprint != "" {
		t.Errorf("a key that opens nothing is named: %+v, %v", p, err)
	}
}

func TestProveRefuses(t *testing.T) {
	remove := func(name string) func(*testing.T, *fixture.Swarm) {
		return func(t *testing.T, s *fixture.Swarm) {
			if err := os.Remove(filepath.Join(s.Dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	write := func(name, text string) func(*testing.T, *fixture.Swarm) {
		return func(t *testing.T, s *fixture.Swarm) { writeFile(t, filepath.Join(s.Dir, name), []byte(text)) }
	}
	garbage := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("garbage")}))
	for name, c := range map[string]struct {
		change func(*testing.T, *fixture.Swarm)
		want   error
	}{
		"no node key":            {remove(keyFile), raftlog.ErrNotSwarmDir},
		"no node certificate":    {remove(nodeCert), snapshot.ErrIncomplete},
		"an empty certificate":   {write(nodeCert, ""), snapshot.ErrIncomplete},
		"a damaged certificate":  {write(nodeCert, garbage), snapshot.ErrIncomplete},
		"no root certificate":    {remove(rootCert), snapshot.ErrIncomplete},
		"an empty root":          {write(rootCert, ""), snapshot.ErrIncomplete},
		"another node":           {reissue(func(c *x509.Certificate) { c.Subject.CommonName = "other" }), snapshot.ErrMismatch},
		"another cluster":        {reissue(func(c *x509.Certificate) { c.Subject.Organization[0] = "other" }), snapshot.ErrMismatch},
		"no cluster":             {reissue(func(c *x509.Certificate) { c.Subject.Organization = nil }), snapshot.ErrMismatch},
		"another key":            {reissue(func(c *x509.Certificate) { c.PublicKey = newKey(t).Public() }), snapshot.ErrMismatch},
		"another CA":             {otherRoot, snapshot.ErrMismatch},
		"parts of another swarm": {otherCertificates, unlock.ErrCannotDecrypt},
		"an expired certificate": {reissue(func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(time.Hour) }), nil},
		"nothing but a reissue":  {reissue(func(*x509.Certificate) {}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := fixture.Copy(t, fixture.Autolock)
			c.change(t, s)
			if _, err := snapshot.Prove(os.DirFS(s.Dir), s.Key); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestProveOfDamage(t *testing.T) {
	s := fixture.Copy(t, fixture.Autolock)
	flip(t, segment(t, s.Dir), 4000)
	_, err := snapshot.Prove(os.DirFS(s.Dir), s.Key)
	damage := (*raftlog.DamageError)(nil)
	if !errors.As(err, &damage) || !strings.HasSuffix(damage.File, ".wal") {
		t.Errorf("got %v", err)
	}
}

func TestProveOfAWorker(t *testing.T) {
	s := fixture.Copy(t, fixture.Worker)
	if _, err := snapshot.Prove(os.DirFS(s.Dir), s.Key); !errors.Is(err, raftlog.ErrWorkerDir) {
		t.Errorf("got %v", err)
	}
}

func TestProveManifest(t *testing.T) {
	s := fixture.Copy(t, fixture.Autolock)
	fsys := os.DirFS(s.Dir)
	for name, change := range map[string]func(c *snapshot.Contents){
		"cluster": func(c *snapshot.Contents) { c.ClusterID = "other" },
		"node":    func(c *snapshot.Contents) { c.NodeID = "other" },
		"index":   func(c *snapshot.Contents) { c.Index++ },
		"term":    func(c *snapshot.Contents) { c.Term-- },
		"objects": func(c *snapshot.Contents) { c.Objects["secret"]++ },
		"none":    func(c *snapshot.Contents) { c.Objects = nil },
	} {
		t.Run(name, func(t *testing.T) {
			m := testManifest()
			m.Contents = prove(t, s).Contents
			if err := snapshot.ProveManifest(fsys, m, s.Key); err != nil {
				t.Fatal(err)
			}
			change(&m.Contents)
			if err := snapshot.ProveManifest(fsys, m, s.Key); !errors.Is(err, snapshot.ErrContents) {
				t.Errorf("got %v", err)
			}
		})
	}
	if err := snapshot.ProveManifest(fsys, testManifest(), unlock.Key{}); !errors.Is(err, unlock.ErrLocked) {
		t.Errorf("without a key: %v", err)
	}
}

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// segment is the path of the newest WAL segment.
func segment(t testing.TB, dir string) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, walDir, "*.wal"))
	if err != nil || len(all) == 0 {
		t.Fatalf("segments: %v, %v", all, err)
	}
	return all[len(all)-1]
}

func flip(t testing.TB, path string, offset int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := []byte{0}
	if _, err := f.ReadAt(b, offset); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b, offset); err != nil {
		t.Fatal(err)
	}
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// reissue replaces node and root certificate by those of a CA made here: as
// they were, but for what change does.
func reissue(change func(*x509.Certificate)) func(*testing.T, *fixture.Swarm) {
	return func(t *testing.T, s *fixture.Swarm) {
		cert := *parseCert(t, filepath.Join(s.Dir, nodeCert))
		change(&cert)
		ca := newKey(t)
		root := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "swarm-ca"}, IsCA: true, BasicConstraintsValid: true,
			NotBefore: cert.NotBefore.Add(5 * time.Minute), NotAfter: cert.NotBefore.AddDate(20, 0, 0), KeyUsage: x509.KeyUsageCertSign,
		}
		cert.RawSubject, cert.AuthorityKeyId, cert.SignatureAlgorithm = nil, nil, x509.UnknownSignatureAlgorithm
		writeCert(t, filepath.Join(s.Dir, rootCert), root, root, ca.Public(), ca)
		writeCert(t, filepath.Join(s.Dir, nodeCert), &cert, root, cert.PublicKey, ca)
	}
}

func parseCert(t testing.TB, path string) *x509.Certificate {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func writeCert(t testing.TB, path string, cert, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func otherRoot(t *testing.T, s *fixture.Swarm) {
	replace(t, s, fixture.Copy(t, fixture.Plain), rootCert)
}

// otherCertificates is what a person does who puts a backup together by hand.
func otherCertificates(t *testing.T, s *fixture.Swarm) {
	replace(t, s, fixture.Copy(t, fixture.Plain), keyFile, nodeCert, rootCert)
}

func replace(t *testing.T, s, by *fixture.Swarm, names ...string) {
	t.Helper()
	for _, name := range names {
		data, err := fs.ReadFile(os.DirFS(by.Dir), name)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(s.Dir, name), data)
	}
}
