package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
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

var (
	// ErrMismatch is in the error's tree when Prove finds parts of different
	// nodes or clusters in one directory; Load returns it for a manifest that is
	// stored under another snapshot's name.
	ErrMismatch = errors.New("parts of different origin in one directory")
	// ErrIncomplete is in the error's tree when Prove finds no certificate, or
	// none that can be read. An engine that is started without its own wipes the
	// whole directory; without the root's it founds another swarm.
	ErrIncomplete = errors.New("a file that the engine needs is missing or damaged")
)

// Proof is an opened and replayed swarm directory.
type Proof struct {
	Contents Contents
	Log      *raftlog.Log
	State    *raftlog.State
	NodeKey  *unlock.NodeKey
}

// Prove opens the swarm directory at the root of fsys with key, decrypts and
// replays its whole log, and checks that key, certificates, log and cluster
// object belong together. It writes nothing.
//
// unlock.ErrLocked and unlock.ErrWrongKey tell of the key, *raftlog.DamageError
// of the log, ErrIncomplete and ErrMismatch of the certificates; the other
// errors are those of raftlog.Open and Log.State.
func Prove(fsys fs.FS, key unlock.Key) (*Proof, error) {
	nodeKey, err := OpenNodeKey(fsys, key)
	if err != nil {
		return nil, err
	}
	log, state, err := replay(fsys, nodeKey.DEKs())
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

// replay reads the log once where it can. Any damage is an error.
func replay(fsys fs.FS, deks raftlog.Decrypter) (*raftlog.Log, *raftlog.State, error) {
	v, err := raftlog.Verify(fsys, deks)
	if err != nil {
		return nil, nil, err
	}
	if damage := v.Log.Damage(); damage != nil {
		return nil, nil, damage
	}
	return v.Log, v.State, v.Err
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

// liveTries is how often ProveLive reads a directory that its engine writes to.
const liveTries = 5

// ProveLive proves the directory of a manager that may be running. The last
// record of a log that is being written may look damaged, and a file may go
// while its directory is read: it tries again before it believes that.
func ProveLive(dir string, key unlock.Key) (p *Proof, err error) {
	for try := range liveTries {
		time.Sleep(time.Duration(try) * 100 * time.Millisecond)
		p, err = Prove(os.DirFS(dir), key)
		if err == nil || !worthRetry(err) && !errors.Is(err, fs.ErrNotExist) {
			return p, err
		}
	}
	return nil, err
}
