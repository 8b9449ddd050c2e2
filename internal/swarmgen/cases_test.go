package swarmgen_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gogo/protobuf/proto"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/ca"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"

	"github.com/swarmdr/swarmdr/internal/swarmgen"
)

func TestMain(m *testing.M) {
	before := wal.SegmentSizeBytes
	code := m.Run()
	if wal.SegmentSizeBytes != before {
		panic("the size of etcd's segments was not put back")
	}
	os.Exit(code)
}

// Swarmkit itself starts from each directory and finds what the case says.
func TestEngineReadsCases(t *testing.T) {
	for _, c := range swarmgen.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "swarm")
			e := c.Build(t, dir)
			s := startEngine(t, dir, e)
			checkLog(t, s, e)
			checkState(t, s.state, e)
			checkIdentity(t, dir, s, e)
			checkFiles(t, dir, e)
			if n := overwritten(t, dir); n != e.Overwritten {
				t.Errorf("%d entries are overwritten, want %d", n, e.Overwritten)
			}
		})
	}
}

func checkLog(t *testing.T, s engine, e swarmgen.Expect) {
	t.Helper()
	type log struct{ last, commit, snapshot uint64 }
	got := log{s.last(), s.log.HardState.Commit, s.snapshotIndex()}
	want := log{e.Last, e.Commit, e.RaftSnapshot}
	if got != want {
		t.Errorf("log %+v, want %+v", got, want)
	}
	if tail := int(got.last - min(got.last, max(got.commit, got.snapshot))); tail != e.Tail {
		t.Errorf("%d entries beyond the commit index, want %d", tail, e.Tail)
	}
	if n := len(s.log.Entries); n > 0 && s.log.Entries[n-1].Term != e.Term {
		t.Errorf("last term %d, want %d", s.log.Entries[n-1].Term, e.Term)
	}
	if d := cmp.Diff(e.Members, s.voters(t)); d != "" {
		t.Errorf("voters (-want +got):\n%s", d)
	}
	if (s.keys.PendingDEK != nil) != (e.Warns(swarmgen.RotationPending) || e.Warns(swarmgen.RotationOwed)) {
		t.Errorf("pending DEK: %v, warnings %v", s.keys.PendingDEK != nil, e.Warnings)
	}
}

func checkState(t *testing.T, got *api.StoreSnapshot, e swarmgen.Expect) {
	t.Helper()
	if !proto.Equal(got, e.State) {
		t.Errorf("state differs:\n%s", cmp.Diff(e.State, got))
	}
	if len(e.Objects["cluster"]) != 1 || len(e.Objects["node"]) == 0 || len(e.Objects["network"]) < 3 {
		t.Errorf("objects: %v", e.Objects)
	}
}

func checkIdentity(t *testing.T, dir string, s engine, e swarmgen.Expect) {
	t.Helper()
	var self api.RaftMember
	must(t, self.Unmarshal(s.log.Metadata))
	if self != e.Self {
		t.Errorf("metadata %v, want %v", self, e.Self)
	}
	block, _ := pem.Decode(s.cert)
	cert, err := x509.ParseCertificate(block.Bytes)
	must(t, err)
	subject := cert.Subject
	if subject.CommonName != e.NodeID || subject.Organization[0] != e.ClusterID || subject.OrganizationalUnit[0] != ca.ManagerRole {
		t.Errorf("certificate of %v", subject)
	}
	roots := x509.NewCertPool()
	root, err := os.ReadFile(filepath.Join(dir, "certificates/swarm-root-ca.crt"))
	must(t, err)
	roots.AppendCertsFromPEM(root)
	if _, _, err := ca.ValidateCertChain(roots, s.cert, false); err != nil {
		t.Errorf("chain: %v", err)
	}
	if len(s.state.Clusters[0].RootCA.CAKey) == 0 != e.Warns(swarmgen.ExternalCASigns) {
		t.Errorf("CA key of %d bytes, warnings %v", len(s.state.Clusters[0].RootCA.CAKey), e.Warnings)
	}
}

// checkFiles: modes are those of an engine (engine-facts: 0700, 0755 for
// certificates, 0600 for keys and state).
func checkFiles(t *testing.T, dir string, e swarmgen.Expect) {
	t.Helper()
	for name, want := range map[string]os.FileMode{
		".": 0o700, "certificates": 0o755, "raft": 0o700,
		"certificates/swarm-node.key": 0o600, "certificates/swarm-node.crt": 0o644, "certificates/swarm-root-ca.crt": 0o644,
		"docker-state.json": 0o600, "state.json": 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		must(t, err)
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode().Perm(), want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "certificates/swarm-root-ca.key")); (err == nil) != e.Warns(swarmgen.CAKeyOnDisk) {
		t.Errorf("swarm-root-ca.key: %v, warnings %v", err, e.Warnings)
	}
}

// overwritten counts the entries whose index comes again.
func overwritten(t *testing.T, dir string) int {
	t.Helper()
	var last uint64
	count := 0
	records(t, filepath.Join(dir, "raft/wal-v3-encrypted"), func(rec *walpb.Record) {
		if rec.Type == wal.EntryType {
			entry := wal.MustUnmarshalEntry(rec.Data)
			count += int(last - min(last, entry.Index-1))
			last = entry.Index
		}
	})
	return count
}

func TestCaseNames(t *testing.T) {
	var names []string
	for _, c := range swarmgen.Cases() {
		if c.What == "" || c.Source == "" {
			t.Errorf("%s says nothing of itself", c.Name)
		}
		names = append(names, c.Name)
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) || len(names) < 40 {
		t.Errorf("%d names, some twice or too few: %v", len(names), names)
	}
}
