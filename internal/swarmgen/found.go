package swarmgen

import (
	"time"

	gogotypes "github.com/gogo/protobuf/types"
	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/ca"
	"github.com/moby/swarmkit/v2/identity"
	"github.com/moby/swarmkit/v2/manager/state/store"
	"go.etcd.io/raft/v3/raftpb"
)

// found writes the entries with which a swarm begins (swarmkit
// manager/manager.go, becomeLeader): the member, the election, the cluster with
// its first node and networks.
func (s *Swarm) found() {
	s.t.Helper()
	s.term = 1 // raft.StartNode
	s.AddMember(s.id.self)
	s.Elect()
	s.Update(func(tx store.Tx) error {
		if err := store.CreateCluster(tx, s.id.clusterObject(s.o)); err != nil {
			return err
		}
		if err := store.CreateNode(tx, s.id.firstNode()); err != nil {
			return err
		}
		return createNetworks(tx)
	})
	s.Update(func(tx store.Tx) error { return s.id.firstNodeReady(tx) })
}

func createNetworks(tx store.Tx) error {
	ingress := &api.Network{ID: identity.NewID(), Spec: api.NetworkSpec{
		Annotations: api.Annotations{Name: "ingress"}, DriverConfig: &api.Driver{}, Ingress: true,
		IPAM: &api.IPAMOptions{Driver: &api.Driver{}},
	}}
	if err := store.CreateNetwork(tx, ingress); err != nil {
		return err
	}
	for _, name := range []string{"bridge", "host"} {
		predefined := &api.Network{ID: identity.NewID(), Spec: api.NetworkSpec{
			Annotations:  api.Annotations{Name: name, Labels: map[string]string{"com.docker.swarm.predefined": "true"}},
			DriverConfig: &api.Driver{Name: name},
		}}
		if err := store.CreateNetwork(tx, predefined); err != nil {
			return err
		}
	}
	return nil
}

// clusterObject is what swarmkit manager/manager.go, defaultClusterObject,
// makes.
func (id *identityOf) clusterObject(o Options) *api.Cluster {
	cluster := &api.Cluster{
		ID: id.cluster,
		Spec: api.ClusterSpec{
			Annotations:      api.Annotations{Name: store.DefaultClusterName},
			Orchestration:    api.OrchestrationConfig{TaskHistoryRetentionLimit: 5},
			Dispatcher:       api.DispatcherConfig{HeartbeatPeriod: gogotypes.DurationProto(5 * time.Second)},
			Raft:             api.RaftConfig{SnapshotInterval: 10000, LogEntriesForSlowFollowers: 500, ElectionTick: 10, HeartbeatTick: 1},
			CAConfig:         api.CAConfig{NodeCertExpiry: gogotypes.DurationProto(90 * 24 * time.Hour)},
			EncryptionConfig: api.EncryptionConfig{AutoLockManagers: o.Autolock},
		},
		RootCA: api.RootCA{
			CACert:     id.root.Certs,
			CACertHash: id.root.Digest.String(),
			JoinTokens: api.JoinTokens{
				Worker:  ca.GenerateJoinToken(&id.root, o.FIPS),
				Manager: ca.GenerateJoinToken(&id.root, o.FIPS),
			},
		},
		UnlockKeys: id.unlockKeys(),
		FIPS:       o.FIPS,
	}
	if o.Layout == Encrypted {
		cluster.VXLANUDPPort = 4789
	}
	id.setCA(cluster, o)
	return cluster
}

// setCA: with an external CA the cluster has no CA key, and an endpoint that
// signs.
func (id *identityOf) setCA(cluster *api.Cluster, o Options) {
	if o.ExternalCA {
		cluster.Spec.CAConfig.ExternalCAs = []*api.ExternalCA{{
			Protocol: api.ExternalCA_CAProtocolCFSSL,
			URL:      "https://ca.example.com:8888/api/v1/cfssl/sign",
			CACert:   id.root.Certs,
		}}
		return
	}
	if signer, err := id.root.Signer(); err == nil {
		cluster.RootCA.CAKey = signer.Key
	}
}

func (id *identityOf) unlockKeys() []*api.EncryptionKey {
	if id.kek == nil {
		return nil
	}
	return []*api.EncryptionKey{{Subsystem: ca.ManagerRole, Key: id.kek}}
}

func (id *identityOf) firstNode() *api.Node {
	return &api.Node{
		ID:   id.self.NodeID,
		Role: api.NodeRoleManager,
		Certificate: api.Certificate{
			CN: id.self.NodeID, Role: api.NodeRoleManager,
			Status: api.IssuanceStatus{State: api.IssuanceStateIssued},
		},
		Spec: api.NodeSpec{DesiredRole: api.NodeRoleManager, Membership: api.NodeMembershipAccepted},
	}
}

func (id *identityOf) firstNodeReady(tx store.Tx) error {
	node := store.GetNode(tx, id.self.NodeID)
	node.Description = &api.NodeDescription{
		Hostname:  "m1",
		Platform:  &api.Platform{Architecture: "x86_64", OS: "linux"},
		Resources: &api.Resources{NanoCPUs: 2e9, MemoryBytes: 8 << 30},
		Engine:    &api.EngineDescription{EngineVersion: "28.5.2"},
	}
	node.Status = api.NodeStatus{State: api.NodeStatus_READY, Addr: "10.0.0.1"}
	return store.UpdateNode(tx, node)
}

// Join is a second manager: its node object and its raft member.
func (s *Swarm) Join(hostname, addr string) api.RaftMember {
	s.t.Helper()
	member := api.RaftMember{RaftID: raftID(), NodeID: identity.NewID(), Addr: addr}
	s.Update(func(tx store.Tx) error {
		node := s.id.firstNode()
		node.ID, node.Certificate.CN = member.NodeID, member.NodeID
		node.Description = &api.NodeDescription{Hostname: hostname}
		return store.CreateNode(tx, node)
	})
	s.AddMember(member)
	return member
}

// voters are the raft ids of the members.
func (s *Swarm) voters() []uint64 {
	var ids []uint64
	for id := range s.members {
		ids = append(ids, id)
	}
	return ids
}

func (s *Swarm) confState() raftpb.ConfState { return raftpb.ConfState{Voters: sorted(s.voters())} }
