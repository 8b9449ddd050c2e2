package unlock_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"testing"
	"time"

	"github.com/moby/swarmkit/v2/ca"
	"github.com/moby/swarmkit/v2/ca/keyutils"
	"github.com/moby/swarmkit/v2/manager"
	"github.com/moby/swarmkit/v2/manager/encryption"
	"github.com/moby/swarmkit/v2/manager/state/raft"

	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// engineNode is what swarmkit is told to write into certificates/.
type engineNode struct {
	kek           []byte
	kekVersion    uint64
	dek           []byte
	pending       []byte
	needsRotation bool
	pkcs1         bool
	fips          bool
}

func (n engineNode) deks() manager.RaftDEKData {
	return manager.RaftDEKData{
		EncryptionKeys: raft.EncryptionKeys{CurrentDEK: n.dek, PendingDEK: n.pending},
		NeedsRotation:  n.needsRotation,
		FIPS:           n.fips,
	}
}

// headers is nil on a worker.
func (n engineNode) headers() ca.PEMKeyHeaders {
	if n.dek == nil {
		return nil
	}
	return n.deks()
}

func (n engineNode) writer(paths ca.CertPaths) *ca.KeyReadWriter {
	krw := ca.NewKeyReadWriter(paths, n.kek, n.headers())
	if n.fips {
		krw.SetKeyFormatter(keyutils.FIPS)
	}
	return krw
}

// engineFiles is a certificates directory in which swarmkit wrote.
type engineFiles struct {
	node  engineNode
	paths ca.CertPaths
	key   *ecdsa.PrivateKey
}

func newEngineFiles(t testing.TB, n engineNode) engineFiles {
	t.Helper()
	_, keyPEM, err := ca.GenerateNewCSR()
	must(t, err)
	block, _ := pem.Decode(keyPEM)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	must(t, err)
	key := parsed.(*ecdsa.PrivateKey)

	e := engineFiles{n, ca.NewConfigPaths(t.TempDir()).Node, key}
	krw := n.writer(e.paths)
	must(t, krw.Write(certificate(t, key), keyPEM, &ca.KEKData{KEK: n.kek, Version: n.kekVersion}))
	if n.pkcs1 {
		must(t, krw.DowngradeKey())
	}
	return e
}

func certificate(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "node"},
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func (e engineFiles) file(t testing.TB) []byte {
	t.Helper()
	file, err := os.ReadFile(e.paths.Key)
	must(t, err)
	return file
}

// read puts file in place of the node key and has swarmkit read it.
func (e engineFiles) read(t *testing.T, file, kek []byte) (manager.RaftDEKData, ca.KEKData) {
	t.Helper()
	must(t, os.WriteFile(e.paths.Key, file, 0o600))
	krw := ca.NewKeyReadWriter(e.paths, kek, manager.RaftDEKData{FIPS: e.node.fips})
	if e.node.fips {
		krw.SetKeyFormatter(keyutils.FIPS)
	}
	_, keyPEM, err := krw.Read()
	must(t, err)
	signer, err := keyutils.Default.ParsePrivateKeyPEMWithPassword(keyPEM, nil)
	must(t, err)
	if !e.key.PublicKey.Equal(signer.Public()) {
		t.Error("swarmkit reads another private key")
	}
	headers, kekData := krw.GetCurrentState()
	return headers.(manager.RaftDEKData), kekData
}

func (n engineNode) unlockKey(t testing.TB) unlock.Key {
	t.Helper()
	if n.kek == nil {
		return unlock.Key{}
	}
	key, err := unlock.NewKey(n.kek)
	must(t, err)
	return key
}

func (n engineNode) format() string {
	if n.pkcs1 {
		return unlock.FormatPKCS1
	}
	return unlock.FormatPKCS8
}

// engineNodes are the states in which an engine can leave a node key file.
func engineNodes() map[string]engineNode {
	kek, dek, pending := encryption.GenerateSecretKey(), encryption.GenerateSecretKey(), encryption.GenerateSecretKey()
	return map[string]engineNode{
		"unlocked":                 {dek: dek},
		"unlocked, PKCS1":          {dek: dek, pkcs1: true},
		"unlocked, pending":        {dek: dek, pending: pending},
		"unlocked again":           {dek: dek, kekVersion: 31},
		"unlocked, FIPS":           {dek: dek, fips: true},
		"locked":                   {dek: dek, kek: kek, kekVersion: 12},
		"locked, PKCS1":            {dek: dek, kek: kek, kekVersion: 12, pkcs1: true},
		"locked, pending":          {dek: dek, kek: kek, kekVersion: 12, pending: pending},
		"locked, PKCS1, pending":   {dek: dek, kek: kek, kekVersion: 12, pending: pending, pkcs1: true},
		"locked, rotation owed":    {dek: dek, kek: kek, kekVersion: 1<<64 - 1, needsRotation: true},
		"locked, pending and owed": {dek: dek, kek: kek, kekVersion: 12, pending: pending, needsRotation: true},
		"locked, FIPS":             {dek: dek, kek: kek, kekVersion: 12, pending: pending, fips: true},
		"worker":                   {},
		"worker, PKCS1":            {pkcs1: true},
		"worker, locked":           {kek: kek, kekVersion: 12},
		"worker, locked, PKCS1":    {kek: kek, kekVersion: 12, pkcs1: true},
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantBytes(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes differ from the %d wanted", what, len(got), len(want))
	}
}
