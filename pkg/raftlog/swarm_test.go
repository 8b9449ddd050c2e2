package raftlog_test

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/manager/encryption"
	"github.com/moby/swarmkit/v2/manager/state"
	"github.com/moby/swarmkit/v2/manager/state/raft/storage"
	"github.com/moby/swarmkit/v2/manager/state/store"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// segmentBytes makes logs of some hundred entries span several segments.
const segmentBytes = 64 << 10

func TestMain(m *testing.M) {
	wal.SegmentSizeBytes = segmentBytes
	os.Exit(m.Run())
}

// crypter is the engine's own encryption behind our interfaces.
type crypter struct {
	enc encryption.Encrypter
	dec encryption.Decrypter
}

func newCrypter(keys ...[]byte) crypter {
	c := crypter{}
	var all []encryption.Decrypter
	for _, key := range keys {
		enc, dec := encryption.Defaults(key, false)
		c.enc = enc
		all = append(all, dec)
	}
	c.dec = encryption.NewMultiDecrypter(all...)
	return c
}

func (c crypter) Encrypt(plain []byte) ([]byte, error) { return encryption.Encrypt(plain, c.enc) }

func (c crypter) AppendDecrypt(dst, record []byte) ([]byte, error) {
	plain, err := encryption.Decrypt(record, c.dec)
	return append(dst, plain...), err
}

// manager writes a swarm directory with the engine's own parts: its store
// proposes to its logger. It plays the raft node between the two.
type manager struct {
	t      testing.TB
	dir    string
	keys   [][]byte
	logger *storage.EncryptedRaftLogger
	store  *store.MemoryStore
	self   api.RaftMember

	index, term, commit uint64
	queue               []raftpb.Entry
	members             map[uint64]*api.RaftMember
	removed             []uint64
}

func newManager(t testing.TB) *manager {
	t.Helper()
	m := &manager{
		t: t, dir: t.TempDir(), term: 2,
		self:    api.RaftMember{RaftID: 0x5e1f, NodeID: "selfnode", Addr: "10.0.0.1:2377"},
		members: map[uint64]*api.RaftMember{},
	}
	m.keys = [][]byte{encryption.GenerateSecretKey()}
	m.logger = &storage.EncryptedRaftLogger{StateDir: filepath.Join(m.dir, "raft"), EncryptionKey: m.keys[0]}
	m.store = store.NewMemoryStore(m)
	t.Cleanup(func() { m.store.Close(); m.stop() })
	must(t, os.Mkdir(filepath.Join(m.dir, "certificates"), 0o755))
	metadata, err := m.self.Marshal()
	must(t, err)
	must(t, m.logger.BootstrapNew(metadata))
	m.confChange(raftpb.ConfChangeAddNode, m.self)
	m.entry(raftpb.EntryNormal, nil)
	return m
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// stop closes the files, as the engine does when it is stopped.
func (m *manager) stop() {
	m.flush()
	m.logger.Close(context.Background())
}

func (m *manager) fsys() fs.FS      { return os.DirFS(m.dir) }
func (m *manager) crypter() crypter { return newCrypter(m.keys...) }

func (m *manager) open() *raftlog.Log {
	m.t.Helper()
	m.flush()
	l, err := raftlog.Open(m.fsys(), m.crypter())
	must(m.t, err)
	return l
}

// entry queues the next entry. As in raft, the hard state that commits it is
// written with a later batch.
func (m *manager) entry(kind raftpb.EntryType, data []byte) {
	m.index++
	m.queue = append(m.queue, raftpb.Entry{Index: m.index, Term: m.term, Type: kind, Data: data})
	if len(m.queue) >= 20 {
		m.flush()
	}
}

func (m *manager) flush() {
	if len(m.queue) == 0 {
		return
	}
	must(m.t, m.logger.SaveEntries(raftpb.HardState{Term: m.term, Vote: m.self.RaftID, Commit: m.commit}, m.queue))
	m.commit = m.index
	m.queue = nil
}

func (m *manager) confChange(kind raftpb.ConfChangeType, member api.RaftMember) {
	cc := raftpb.ConfChange{Type: kind, NodeID: member.RaftID}
	if kind == raftpb.ConfChangeRemoveNode {
		delete(m.members, member.RaftID)
		m.removed = append(m.removed, member.RaftID)
	} else {
		m.members[member.RaftID] = &member
		cc.Context, _ = member.Marshal()
	}
	data, err := cc.Marshal()
	must(m.t, err)
	m.entry(raftpb.EntryConfChange, data)
}

// ProposeValue implements state.Proposer.
func (m *manager) ProposeValue(_ context.Context, actions []api.StoreAction, commit func()) error {
	data, err := (&api.InternalRaftRequest{ID: m.index + 1000, Action: actions}).Marshal()
	must(m.t, err)
	m.entry(raftpb.EntryNormal, data)
	commit()
	return nil
}

// GetVersion implements state.Proposer.
func (m *manager) GetVersion() *api.Version { return &api.Version{Index: m.index} }

// ChangesBetween implements state.Proposer.
func (m *manager) ChangesBetween(api.Version, api.Version) ([]state.Change, error) {
	return nil, fmt.Errorf("not kept")
}

// content is the store as the engine saves it.
func (m *manager) content() *api.StoreSnapshot {
	var saved *api.StoreSnapshot
	m.store.View(func(tx store.ReadTx) {
		var err error
		saved, err = m.store.Save(tx)
		must(m.t, err)
	})
	return saved
}

// snapshot takes a raft snapshot and collects garbage, as the engine does.
func (m *manager) snapshot(keep uint64) {
	m.flush()
	meta := m.saveSnapshot()
	must(m.t, m.logger.GC(meta.Index, meta.Term, keep))
}

func (m *manager) saveSnapshot() raftpb.SnapshotMetadata {
	content := api.Snapshot{Version: api.Snapshot_V0, Store: *m.content()}
	meta := raftpb.SnapshotMetadata{Index: m.index, Term: m.term}
	for id, member := range m.members {
		content.Membership.Members = append(content.Membership.Members, member)
		meta.ConfState.Voters = append(meta.ConfState.Voters, id)
	}
	slices.Sort(meta.ConfState.Voters)
	content.Membership.Removed = m.removed
	data, err := content.Marshal()
	must(m.t, err)
	must(m.t, m.logger.SaveSnapshot(raftpb.Snapshot{Metadata: meta, Data: data}))
	return meta
}

// rotate changes the key of the log between two records.
func (m *manager) rotate() {
	m.flush()
	m.keys = append(m.keys, encryption.GenerateSecretKey())
	m.logger.RotateEncryptionKey(m.keys[len(m.keys)-1])
}

func (m *manager) update(change func(tx store.Tx) error) {
	m.t.Helper()
	must(m.t, m.store.Update(change))
}

// found creates what every swarm has.
func (m *manager) found() {
	m.update(func(tx store.Tx) error {
		cluster := &api.Cluster{ID: "clusterid", Spec: api.ClusterSpec{Annotations: api.Annotations{Name: "default"}}}
		cluster.RootCA = api.RootCA{CAKey: []byte("ca key"), CACert: []byte("ca cert")}
		if err := store.CreateCluster(tx, cluster); err != nil {
			return err
		}
		return store.CreateNode(tx, &api.Node{ID: m.self.NodeID, Role: api.NodeRoleManager})
	})
}

// churn makes n random changes, the same for the same seed.
func (m *manager) churn(n int, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range n {
		id := fmt.Sprintf("%d-%d", seed, i)
		m.update(func(tx store.Tx) error { return change(tx, r.IntN(8), id, r) })
	}
}

func change(tx store.Tx, what int, id string, r *rand.Rand) error {
	notes := api.Annotations{Name: "name-" + id, Labels: map[string]string{"a": id, "b": "2"}}
	switch what {
	case 0:
		return store.CreateSecret(tx, &api.Secret{ID: "secret-" + id, Spec: api.SecretSpec{Annotations: notes, Data: []byte(id)}})
	case 1:
		return store.CreateConfig(tx, &api.Config{ID: "config-" + id, Spec: api.ConfigSpec{Annotations: notes, Data: []byte(id)}})
	case 2:
		return store.CreateNetwork(tx, &api.Network{ID: "net-" + id, Spec: api.NetworkSpec{Annotations: notes}})
	case 3:
		return changeService(tx, id, notes, r)
	case 4:
		return dropOldest(tx, r)
	}
	return changeTasks(tx, id, r)
}

func changeService(tx store.Tx, id string, notes api.Annotations, r *rand.Rand) error {
	services, err := store.FindServices(tx, store.All)
	if err != nil || len(services) < 5 {
		return store.CreateService(tx, &api.Service{ID: "service-" + id, Spec: api.ServiceSpec{Annotations: notes}})
	}
	s := services[r.IntN(len(services))]
	s.PreviousSpec = s.Spec.Copy()
	s.Spec.Mode = &api.ServiceSpec_Replicated{Replicated: &api.ReplicatedService{Replicas: r.Uint64N(9) + 1}}
	return store.UpdateService(tx, s)
}

func dropOldest(tx store.Tx, r *rand.Rand) error {
	secrets, err := store.FindSecrets(tx, store.All)
	if err != nil || len(secrets) == 0 {
		return store.CreateExtension(tx, &api.Extension{ID: fmt.Sprint("ext-", r.Uint64()), Annotations: api.Annotations{Name: fmt.Sprint(r.Uint64())}})
	}
	return store.DeleteSecret(tx, secrets[0].ID)
}

// changeTasks makes several changes in one entry.
func changeTasks(tx store.Tx, id string, r *rand.Rand) error {
	for i := range 3 {
		task := &api.Task{ID: fmt.Sprint("task-", id, "-", i), ServiceID: "s", Status: api.TaskStatus{State: api.TaskStateNew}}
		if err := store.CreateTask(tx, task); err != nil {
			return err
		}
		task.Status.State = api.TaskStateRunning
		if err := store.UpdateTask(tx, task); err != nil {
			return err
		}
	}
	tasks, err := store.FindTasks(tx, store.All)
	if err != nil || len(tasks) < 200 {
		return err
	}
	return store.DeleteTask(tx, tasks[r.IntN(len(tasks))].ID)
}
