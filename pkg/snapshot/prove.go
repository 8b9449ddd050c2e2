package snapshot

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"time"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// Contents is what decrypting and replaying a swarm directory proved of it.
type Contents struct {
	ClusterID string `json:"cluster_id"`
	NodeID    string `json:"node_id"`
	// RaftID is in the usual notation, hexadecimal.
	RaftID  string `json:"raft_id"`
	Address string `json:"address"`
	// Term and Index are those of the last entry; Commit is the commit index on
	// disk, which lags behind.
	Term   uint64 `json:"term"`
	Index  uint64 `json:"index"`
	Commit uint64 `json:"commit"`
	// Voters are the raft members after the last entry.
	Voters int `json:"voters"`
	// Objects counts the objects by kind.
	Objects map[string]int `json:"objects"`
	// Autolock says that an unlock key is needed; KeyFingerprint tells which.
	Autolock       bool   `json:"autolock"`
	KeyFingerprint string `json:"key_fingerprint,omitempty"`
	// CertificateExpires is NotAfter of the node certificate.
	CertificateExpires time.Time `json:"certificate_expires"`
}

// ErrMismatch is in the error's tree when Prove finds parts of different nodes
// or clusters in one directory.
var ErrMismatch = errors.New("parts of different origin in one directory")

// Proof is an opened and replayed swarm directory.
type Proof struct {
	Contents Contents
	Log      *raftlog.Log
	State    *raftlog.State
	NodeKey  *unlock.NodeKey
}

// Prove opens the swarm directory at the root of fsys with key, decrypts and
// replays its whole log, and checks that key, certificate, log and cluster
// object belong together. It writes nothing.
//
// unlock.ErrLocked and unlock.ErrWrongKey tell of the key, *raftlog.DamageError
// of the log, ErrMismatch of a mixture.
func Prove(fsys fs.FS, key unlock.Key) (*Proof, error) {
	nodeKey, err := OpenNodeKey(fsys, key)
	if err != nil {
		return nil, err
	}
	log, err := raftlog.Open(fsys, nodeKey.DEKs())
	if err != nil {
		return nil, err
	}
	state, err := log.State(raftlog.StateOptions{})
	if err != nil {
		return nil, err
	}
	cluster, err := state.Cluster()
	if err != nil {
		return nil, err
	}
	cert, err := checkCertificate(fsys, nodeKey, log.Self().NodeID, cluster.ID)
	if err != nil {
		return nil, err
	}
	self := log.Self()
	c := Contents{
		ClusterID: cluster.ID, NodeID: self.NodeID,
		RaftID: fmt.Sprintf("%x", self.RaftID), Address: self.Addr,
		Term: log.LastTerm(), Index: log.LastIndex(), Commit: log.HardState().Commit,
		Voters: len(state.Members), Objects: state.Counts(),
		Autolock: nodeKey.Locked(), CertificateExpires: cert.NotAfter.UTC(),
	}
	if c.Autolock {
		c.KeyFingerprint = key.Fingerprint()
	}
	return &Proof{c, log, state, nodeKey}, nil
}

// OpenNodeKey opens the node key of the swarm directory at the root of fsys.
// Errors are raftlog.ErrNotSwarmDir and those of unlock.OpenNodeKey.
func OpenNodeKey(fsys fs.FS, key unlock.Key) (*unlock.NodeKey, error) {
	file, err := fs.ReadFile(fsys, nodeKeyPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no %s: %w", nodeKeyPath, raftlog.ErrNotSwarmDir)
	}
	if err != nil {
		return nil, fmt.Errorf("read node key: %w", err)
	}
	return unlock.OpenNodeKey(file, key)
}

func checkCertificate(fsys fs.FS, key *unlock.NodeKey, nodeID, clusterID string) (*x509.Certificate, error) {
	file, err := fs.ReadFile(fsys, "certificates/swarm-node.crt")
	if err != nil {
		return nil, fmt.Errorf("read node certificate: %w", err)
	}
	block, _ := pem.Decode(file)
	if block == nil {
		return nil, errors.New("read node certificate: no PEM block in certificates/swarm-node.crt")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read node certificate: %v", err)
	}
	if cert.Subject.CommonName != nodeID {
		return nil, fmt.Errorf("certificate of node %s beside the log of node %s: %w", cert.Subject.CommonName, nodeID, ErrMismatch)
	}
	if len(cert.Subject.Organization) != 1 || cert.Subject.Organization[0] != clusterID {
		return nil, fmt.Errorf("certificate of cluster %v beside the log of cluster %s: %w", cert.Subject.Organization, clusterID, ErrMismatch)
	}
	return cert, samePublicKey(cert, key)
}

func samePublicKey(cert *x509.Certificate, key *unlock.NodeKey) error {
	public, err := key.PublicKey()
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return fmt.Errorf("encode public key: %w", err)
	}
	if !bytes.Equal(der, cert.RawSubjectPublicKeyInfo) {
		return fmt.Errorf("the node certificate is not that of the node key: %w", ErrMismatch)
	}
	return nil
}

// ErrContents is returned by ProveManifest when the replayed log holds other
// things than the manifest says.
var ErrContents = errors.New("the log holds other objects than the manifest says")

// ProveManifest proves an opened snapshot and compares it with its manifest.
func ProveManifest(fsys fs.FS, m *Manifest, key unlock.Key) error {
	p, err := Prove(fsys, key)
	if err != nil {
		return err
	}
	got, want := p.Contents, m.Contents
	if got.ClusterID != want.ClusterID || got.NodeID != want.NodeID || got.Index != want.Index ||
		got.Term != want.Term || !maps.Equal(got.Objects, want.Objects) {
		return fmt.Errorf("%s: %w", m.Name, ErrContents)
	}
	return nil
}
