package snapshot_test

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/internal/swarmgen"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// breakage is a generated directory that something is done to, and the one
// finding, in words of its detail, that has to come of it. Others may follow.
type breakage struct {
	from    string // case of swarmgen
	do      func(*testing.T, *fixture.Swarm)
	verdict snapshot.Status
	check   string
	status  snapshot.Status
	detail  string
	also    []string // further checks that cannot be ok then
}

func breakages(t *testing.T) map[string]breakage {
	const good, damaged, locked, warning = snapshot.StatusOK, snapshot.StatusDamaged, snapshot.StatusLocked, snapshot.StatusWarning
	other, err := unlock.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	withKey := func(key unlock.Key) func(*testing.T, *fixture.Swarm) {
		return func(_ *testing.T, s *fixture.Swarm) { s.Key = key }
	}
	subject := func(change func(c *x509.Certificate)) func(*testing.T, *fixture.Swarm) { return reissue(change) }
	another := func(names ...string) func(*testing.T, *fixture.Swarm) {
		return func(t *testing.T, s *fixture.Swarm) {
			by, _ := generated(t, "pkcs8")
			replace(t, s, by, names...)
		}
	}
	text := func(name, with string) func(*testing.T, *fixture.Swarm) {
		return func(t *testing.T, s *fixture.Swarm) { writeFile(t, filepath.Join(s.Dir, name), []byte(with)) }
	}
	return map[string]breakage{
		"no unlock key":    {"pkcs8-locked", withKey(unlock.Key{}), locked, "node-key", locked, "no unlock key was given", []string{"decryption", "replay"}},
		"wrong unlock key": {"pkcs8-locked", withKey(other), locked, "node-key", locked, "does not open the node key", []string{"decryption", "replay"}},
		"needless key":     {"pkcs8", withKey(other), good, "node-key", good, "not locked", nil},
		"no node key":      {"pkcs8", remove(keyFile), damaged, "node-key", damaged, "no " + keyFile, []string{"decryption", "replay"}},
		"empty node key":   {"pkcs8", text(keyFile, ""), damaged, "node-key", damaged, "no PEM block", []string{"decryption", "replay"}},
		"node key of another": {"pkcs8", another(keyFile), damaged, "decryption", damaged, "no DEK opens the record",
			[]string{"certificate-key", "replay"}},
		"kek-version beyond": {"pkcs8-locked", kekVersion("999"), good, "unlock-key", warning, "kek-version 999 of the node key is beyond version", nil},

		"certificate of another node":    {"pkcs8", subject(func(c *x509.Certificate) { c.Subject.CommonName = "other" }), damaged, "certificate-node", damaged, "not true", []string{"certificate-ca"}},
		"certificate of another cluster": {"pkcs8", subject(func(c *x509.Certificate) { c.Subject.Organization[0] = "other" }), damaged, "certificate-cluster", damaged, "not true", []string{"certificate-ca"}},
		"certificate of a worker":        {"pkcs8", subject(func(c *x509.Certificate) { c.Subject.OrganizationalUnit[0] = "swarm-worker" }), damaged, "certificate-role", damaged, "not true", []string{"certificate-ca"}},
		"certificate of another key":     {"pkcs8", subject(func(c *x509.Certificate) { c.PublicKey = newKey(t).Public() }), damaged, "certificate-key", damaged, "not true", []string{"certificate-ca"}},
		"certificate of another CA":      {"pkcs8", subject(func(*x509.Certificate) {}), damaged, "certificate-ca", damaged, "not true", nil},
		"root of another cluster":        {"pkcs8", another(rootCert), damaged, "certificate-chain", damaged, "not true", []string{"certificate-ca"}},
		"certificates of another":        {"pkcs8", another(nodeCert, rootCert), damaged, "certificate-node", damaged, "not true", []string{"certificate-ca", "certificate-cluster", "certificate-key"}},
		"expired certificate": {"pkcs8", subject(func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(30 * time.Minute) }), damaged,
			"certificate-dates", warning, "it expired on", []string{"certificate-ca"}},
		"certificate of tomorrow": {"pkcs8", subject(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(24 * time.Hour) }), damaged,
			"certificate-dates", warning, "not valid before", []string{"certificate-ca"}},
		"no certificate":    {"pkcs8", remove(nodeCert), damaged, "certificates", damaged, nodeCert, nil},
		"no root":           {"pkcs8", remove(rootCert), damaged, "certificates", damaged, rootCert, nil},
		"no PEM in a root":  {"pkcs8", text(rootCert, "none"), damaged, "certificates", damaged, "no certificate in " + rootCert, nil},
		"commit beyond":     {"tail", beyondLast, damaged, "commit-index", damaged, "it is 20, and the last good entry 17: 3 committed entries are missing", nil},
		"torn and locked":   {"torn-end", withKey(unlock.Key{}), locked, "node-key", locked, "no unlock key", []string{"torn-tail", "decryption", "replay"}},
		"torn and no cert":  {"torn-end", remove(nodeCert), damaged, "torn-tail", snapshot.StatusRepairable, "never acknowledged", []string{"certificates"}},
		"locked and broken": {"torn-end", func(t *testing.T, s *fixture.Swarm) { s.Key = other; remove(rootCert)(t, s) }, damaged, "node-key", locked, "", []string{"torn-tail", "certificates", "decryption", "replay"}},
	}
}

func remove(name string) func(*testing.T, *fixture.Swarm) {
	return func(t *testing.T, s *fixture.Swarm) {
		if err := os.Remove(filepath.Join(s.Dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// kekVersion writes another version into the node key.
func kekVersion(version string) func(*testing.T, *fixture.Swarm) {
	return func(t *testing.T, s *fixture.Swarm) {
		path := filepath.Join(s.Dir, keyFile)
		old, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := bytes.Replace(old, []byte("kek-version: 0\n"), []byte("kek-version: "+version+"\n"), 1)
		if bytes.Equal(old, changed) {
			t.Fatal("no kek-version in the node key")
		}
		writeFile(t, path, changed)
	}
}

// beyondLast appends a hard state that commits three entries that are not there.
func beyondLast(t *testing.T, s *fixture.Swarm) {
	path := segment(t, s.Dir)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := recordsOf(t, data)
	last := all[len(all)-1]
	st := raftpb.HardState{Term: 2, Vote: 1, Commit: 20}
	rec := walpb.Record{Type: wal.StateType}
	rec.Data, _ = st.Marshal()
	rec.Crc = crc32.Update(last.rec.Crc, crc32.MakeTable(crc32.Castagnoli), rec.Data)
	body, _ := rec.Marshal()
	field := uint64(len(body))
	if pad := -len(body) & 7; pad > 0 {
		field |= uint64(0x80|pad) << 56
	}
	copy(data[last.end:], append(binary.LittleEndian.AppendUint64(nil, field), body...))
	writeFile(t, path, data)
}

// placed is a record and where its frame begins and ends.
type placed struct {
	at, end int64
	rec     walpb.Record
}

// recordsOf reads a segment without the code under test.
func recordsOf(t testing.TB, data []byte) []placed {
	t.Helper()
	var all []placed
	for at := int64(0); at+8 <= int64(len(data)); {
		field := binary.LittleEndian.Uint64(data[at:])
		if field == 0 {
			break
		}
		size, pad := int64(field&(1<<56-1)), int64(field>>56&7)
		p := placed{at: at, end: at + 8 + size + pad}
		if err := p.rec.Unmarshal(data[at+8 : at+8+size]); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
		at = p.end
	}
	return all
}

func TestInspectBreakages(t *testing.T) {
	for name, b := range breakages(t) {
		t.Run(name, func(t *testing.T) {
			s, _ := generated(t, b.from)
			good := inspect(t, os.DirFS(s.Dir), snapshot.InspectOptions{Key: s.Key, Now: time.Now()})
			before := notOK(good)
			b.do(t, s)
			r := inspect(t, os.DirFS(s.Dir), snapshot.InspectOptions{Key: s.Key, Now: time.Now()})
			f := found(r)[b.check]
			if r.Verdict != b.verdict || f.Status != b.status || !strings.Contains(f.Detail, b.detail) {
				t.Errorf("verdict %s, %+v; want %s, %s: %q", r.Verdict, f, b.verdict, b.status, b.detail)
			}
			for check, status := range notOK(r) {
				if before[check] != status && check != b.check && !slices.Contains(b.also, check) {
					t.Errorf("%s is %s too: %s", check, status, details(r, check))
				}
			}
			for _, check := range b.also {
				if _, bad := notOK(r)[check]; !bad {
					t.Errorf("%s is ok", check)
				}
			}
		})
	}
}

// Damage is named by its file and the first byte of the record.
func TestInspectDamage(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(t *testing.T, segments []string) (file string, offset int64)
		check  string
	}{
		"segment missing": {func(t *testing.T, segments []string) (string, int64) {
			must(t, os.Remove(segments[2]))
			return segments[3], 0
		}, "segments"},
		"first segments missing": {func(t *testing.T, segments []string) (string, int64) {
			must(t, os.Remove(segments[0]))
			return segments[1], 0
		}, "raft-snapshots"},
		"byte of an entry": {func(t *testing.T, segments []string) (string, int64) {
			p := middleEntry(t, segments[1])
			flip(t, segments[1], p.end-12)
			return segments[1], p.at
		}, "checksums"},
		"checksum of an entry": {func(t *testing.T, segments []string) (string, int64) {
			p := middleEntry(t, segments[1])
			flip(t, segments[1], p.at+8+3)
			return segments[1], p.at
		}, "checksums"},
		"segment cut": {func(t *testing.T, segments []string) (string, int64) {
			p := middleEntry(t, segments[2])
			must(t, os.Truncate(segments[2], p.at+40))
			return segments[2], p.at
		}, "records"},
		"length of a record": {func(t *testing.T, segments []string) (string, int64) {
			p := middleEntry(t, segments[2])
			flip(t, segments[2], p.at+5)
			return segments[2], p.at
		}, "records"},
		"segment of another log": {func(t *testing.T, segments []string) (string, int64) {
			other, _ := generated(t, "pkcs8")
			data, err := os.ReadFile(segment(t, other.Dir))
			must(t, err)
			must(t, os.WriteFile(segments[2], data, 0o600))
			return segments[2], 0
		}, "checksums"},
	} {
		t.Run(name, func(t *testing.T) {
			s, e := generated(t, "segments")
			segments, err := filepath.Glob(filepath.Join(s.Dir, walDir, "*.wal"))
			must(t, err)
			if len(segments) < 5 {
				t.Fatalf("%d segments", len(segments))
			}
			file, offset := c.damage(t, segments)
			r := inspect(t, os.DirFS(s.Dir), snapshot.InspectOptions{Now: time.Now()})
			f := found(r)[c.check]
			if r.Verdict != snapshot.StatusDamaged || f.Status != snapshot.StatusDamaged || filepath.Join(s.Dir, f.File) != file || f.Offset != offset {
				t.Errorf("%s: %+v, want %s at %d", r.Verdict, f, file, offset)
			}
			if name != "first segments missing" {
				checkGoodThrough(t, r, e)
			}
		})
	}
}

// checkGoodThrough: what lies before the damage is told, and can be recovered.
func checkGoodThrough(t *testing.T, r *snapshot.Inspection, e swarmgen.Expect) {
	t.Helper()
	if r.First != 1 || r.Last == 0 || r.Last >= e.Last || r.RecoverableIndex != r.Last || r.Recoverable["secret"] == 0 {
		t.Errorf("good from %d to %d of %d, %v as of %d", r.First, r.Last, e.Last, r.Recoverable, r.RecoverableIndex)
	}
	if f := found(r)["commit-index"]; r.Commit > r.Last && f.Status != snapshot.StatusDamaged {
		t.Errorf("commit index %d: %+v", r.Commit, f)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// middleEntry is an entry in the middle of a segment.
func middleEntry(t *testing.T, path string) placed {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	all := recordsOf(t, data)
	i := len(all) / 2
	for all[i].rec.Type != wal.EntryType {
		i++
	}
	return all[i]
}
