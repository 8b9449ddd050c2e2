package swarmgen

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"

	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/ca"
	"github.com/moby/swarmkit/v2/ca/keyutils"
	"github.com/moby/swarmkit/v2/identity"
	"github.com/moby/swarmkit/v2/manager"
	"github.com/moby/swarmkit/v2/manager/encryption"
	"github.com/moby/swarmkit/v2/manager/state/raft"
)

// identityOf is what makes a manager that manager.
type identityOf struct {
	cluster string
	self    api.RaftMember
	root    ca.RootCA
	paths   *ca.SecurityConfigPaths
	krw     *ca.KeyReadWriter
	deks    *manager.RaftDEKManager
	kek     []byte // nil: not autolocked
}

func newIdentity(dir string, o Options) (*identityOf, error) {
	id := &identityOf{
		cluster: identity.NewID(),
		self:    api.RaftMember{RaftID: raftID(), NodeID: identity.NewID(), Addr: o.Addr},
		paths:   ca.NewConfigPaths(filepath.Join(dir, "certificates")),
	}
	if o.FIPS {
		id.cluster = "FIPS." + id.cluster // swarmkit node/node.go, generateFIPSClusterID
	}
	if o.Autolock {
		id.kek = encryption.GenerateSecretKey()
	}
	if err := id.writeCertificates(o); err != nil {
		return nil, err
	}
	return id, id.writeStates(dir, o)
}

// raftID is never 0, which raft takes for nobody.
func raftID() uint64 {
	key := encryption.GenerateSecretKey()
	return uint64(key[0])<<40 | uint64(key[1])<<32 | uint64(key[2])<<24 | uint64(key[3])<<16 | uint64(key[4])<<8 | 1
}

func (id *identityOf) writeCertificates(o Options) error {
	var err error
	if id.root, err = ca.CreateRootCA("swarm-ca"); err != nil {
		return err
	}
	if err := ca.SaveRootCA(id.root, id.paths.RootCA); err != nil {
		return err
	}
	id.krw = ca.NewKeyReadWriter(id.paths.Node, id.kek, manager.RaftDEKData{FIPS: o.fernet()})
	if o.fernet() {
		id.krw.SetKeyFormatter(keyutils.FIPS)
	}
	if _, _, err := id.root.IssueAndSaveNewCertificates(id.krw, id.self.NodeID, ca.ManagerRole, id.cluster); err != nil {
		return err
	}
	if o.PKCS1 || o.Layout != Encrypted {
		if err := id.krw.DowngradeKey(); err != nil {
			return err
		}
	}
	return id.writeDEK(o)
}

// writeDEK adds the headers, which swarmkit got with encryption. In 1.12 the CA
// key lay beside its certificate and the node key had no header at all.
func (id *identityOf) writeDEK(o Options) error {
	if o.Layout != Encrypted {
		return id.writeLegacyKeys()
	}
	var err error
	id.deks, err = manager.NewRaftDEKManager(id.krw, o.fernet())
	return err
}

func (id *identityOf) dek() []byte {
	if id.deks == nil {
		return nil
	}
	return id.keys().CurrentDEK
}

func (id *identityOf) keys() raft.EncryptionKeys {
	headers, _ := id.krw.GetCurrentState()
	data, _ := headers.(manager.RaftDEKData)
	return data.EncryptionKeys
}

// engineState is docker-state.json (moby daemon/cluster, nodeStartConfig); 1.12
// wrote the first four fields.
type engineState struct {
	LocalAddr     string
	RemoteAddr    string
	ListenAddr    string
	AdvertiseAddr string
}

type engineState113 struct {
	engineState
	DataPathAddr       string
	DefaultAddressPool []string
	SubnetSize         uint32
	DataPathPort       uint32
	JoinInProgress     bool
}

type remote struct {
	NodeID string `json:"node_id"`
	Addr   string `json:"addr"`
}

func (id *identityOf) writeStates(dir string, o Options) error {
	host, _, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return err
	}
	state := engineState{LocalAddr: host, ListenAddr: "0.0.0.0:2377", AdvertiseAddr: o.Addr}
	var file any = engineState113{engineState: state, DataPathPort: 4789}
	if o.Layout == Docker112 {
		file = state
	}
	if err := writeJSON(filepath.Join(dir, "docker-state.json"), file); err != nil {
		return err
	}
	return writeJSON(filepath.Join(dir, "state.json"), []remote{{id.self.NodeID, id.self.Addr}})
}

func writeJSON(path string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

func (id *identityOf) rotationOwed() bool {
	headers, _ := id.krw.GetCurrentState()
	data, _ := headers.(manager.RaftDEKData)
	return data.NeedsRotation
}
