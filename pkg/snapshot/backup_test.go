package snapshot_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

func TestBackupCold(t *testing.T) {
	for _, recording := range fixture.Managers(t) {
		t.Run(recording, func(t *testing.T) {
			r := newRig(t, recording, snapshot.Cold)
			before := fingerprint(t, r.Dir)
			m, err := snapshot.Backup(t.Context(), r.BackupOptions)
			if err != nil {
				t.Fatal(err)
			}
			r.wantCalls(t, "ready", "stop", "start", "put tar.zst.age", "get tar.zst.age", "put json", "get json")
			wantEmpty(t, r.ScratchDir)
			if fingerprint(t, r.Dir) != before {
				t.Error("the swarm directory was changed")
			}
			r.wantRestorable(t, m)
		})
	}
}

// wantRestorable takes the way back, and finds what was backed up.
func (r *rig) wantRestorable(t *testing.T, m *snapshot.Manifest) {
	t.Helper()
	name, err := snapshot.Find(t.Context(), r.store, "latest")
	if err != nil || name != m.Name {
		t.Fatalf("%s, %v; want %s", name, err, m.Name)
	}
	loaded, signedBy, err := snapshot.Load(t.Context(), r.store, name, []string{r.verifier})
	if err != nil || signedBy != "m1" {
		t.Fatalf("%s, %v", signedBy, err)
	}
	if err := snapshot.Check(t.Context(), r.store, loaded); err != nil {
		t.Error(err)
	}
	opened, err := snapshot.Fetch(t.Context(), r.store, loaded, r.pair.identity, r.ScratchDir)
	if err != nil {
		t.Fatal(err)
	}
	wantEmpty(t, r.ScratchDir)
	if err := snapshot.ProveManifest(opened, loaded, r.Key); err != nil {
		t.Error(err)
	}
	for _, f := range loaded.Files {
		got, err := fs.ReadFile(opened, f.Path)
		want, wantErr := os.ReadFile(filepath.Join(r.Dir, f.Path))
		if err := errors.Join(err, wantErr); err != nil || !bytes.Equal(got, want[:len(got)]) {
			t.Errorf("%s: %v", f.Path, err)
		}
	}
	if err := opened.Close(); err != nil {
		t.Error(err)
	}
}

func TestBackupManifest(t *testing.T) {
	r := newRig(t, fixture.Autolock, snapshot.Cold)
	begin := time.Now()
	r.engine.onStop = func() { time.Sleep(20 * time.Millisecond) }
	m, err := snapshot.Backup(t.Context(), r.BackupOptions)
	if err != nil {
		t.Fatal(err)
	}
	want := prove(t, r.swarm).Contents
	if m.Name != snapshot.NewName(want.ClusterID, want.NodeID, m.Created) || m.Created.Before(begin.Add(-time.Second)) {
		t.Errorf("name %s, created %v", m.Name, m.Created)
	}
	if m.Contents.Index != want.Index || m.Contents.KeyFingerprint != r.Key.Fingerprint() || m.Mode != snapshot.Cold || m.DownMS < 20 {
		t.Errorf("%+v", m)
	}
	if m.Tool != r.Tool || m.Hostname != r.Hostname || m.Engine != r.EngineVer || !slices.Equal(m.Recipients, r.Recipients.Names()) {
		t.Errorf("%+v", m)
	}
	if m.SealedSize == 0 || len(m.SealedSHA256) != 64 || len(m.Files) < 6 {
		t.Errorf("%+v", m)
	}
}

// Neither unlock key nor secret nor signing key is in what lies in the store in
// clear, and no plaintext in what is sealed.
func TestBackupKeepsSecrets(t *testing.T) {
	r := newRig(t, fixture.Plain, snapshot.Cold)
	if _, err := snapshot.Backup(t.Context(), r.BackupOptions); err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(r.Dir, keyFile))
	if err != nil {
		t.Fatal(err)
	}
	secrets := [][]byte{pem[40:80], []byte(r.Signer[len(r.Signer)-30:]), []byte("swarmdr-canary"), []byte("certificates/swarm-node")}
	for o := range r.store.Store.List(t.Context(), "") {
		rc, err := r.store.Store.Get(t.Context(), o.Name)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(rc)
		if err != nil || len(data) == 0 {
			t.Fatalf("%d bytes, %v", len(data), err)
		}
		for i, secret := range secrets {
			if bytes.Contains(data, secret) && !(strings.HasSuffix(o.Name, ".json") && i == 3) {
				t.Errorf("%s holds secret %d", o.Name, i)
			}
		}
	}
}

func TestBackupHotTouchesNoEngine(t *testing.T) {
	r := newRig(t, fixture.Autolock, snapshot.Hot)
	r.Engine = nil
	m, err := snapshot.Backup(t.Context(), r.BackupOptions)
	if err != nil {
		t.Fatal(err)
	}
	r.wantCalls(t, "ready", "put tar.zst.age", "get tar.zst.age", "put json", "get json")
	if m.Mode != snapshot.Hot || m.DownMS != 0 || slices.Contains(paths(m.Files), "worker/tasks.db") {
		t.Errorf("%+v", m)
	}
	r.wantRestorable(t, m)
}

var errFault = errors.New("fault")

func TestBackupStoreFails(t *testing.T) {
	flipLast := func(data []byte) []byte {
		data[len(data)-1] ^= 1
		return data
	}
	cut := func(data []byte) []byte { return data[:len(data)-1] }
	other := func([]byte) []byte { return []byte("something else") }
	puts := []string{"ready", "stop", "start", "put tar.zst.age"}
	gets := append(slices.Clone(puts), "get tar.zst.age")
	clean := []string{"delete json", "delete tar.zst.age"}
	for name, c := range map[string]struct {
		store faultyStore
		want  error
		calls []string
	}{
		"not ready":              {faultyStore{ready: errFault}, errFault, []string{"ready"}},
		"archive refused":        {faultyStore{suffix: ".age", before: errFault}, errFault, slices.Concat(puts, clean)},
		"archive cut off":        {faultyStore{suffix: ".age", write: errFault}, errFault, slices.Concat(puts, clean)},
		"answer lost":            {faultyStore{suffix: ".age", after: errFault}, errFault, slices.Concat(puts, clean)},
		"archive not read":       {faultyStore{suffix: ".age", get: errFault}, errFault, slices.Concat(gets, clean)},
		"archive changed":        {faultyStore{suffix: ".age", read: flipLast}, snapshot.ErrReadBack, slices.Concat(gets, clean)},
		"archive shorter":        {faultyStore{suffix: ".age", read: cut}, snapshot.ErrReadBack, slices.Concat(gets, clean)},
		"archive not sealed":     {faultyStore{suffix: ".age", read: other}, snapshot.ErrNotSealed, slices.Concat(gets, clean)},
		"manifest refused":       {faultyStore{suffix: ".json", before: errFault}, errFault, slices.Concat(gets, []string{"put json"}, clean)},
		"manifest answer lost":   {faultyStore{suffix: ".json", after: errFault}, errFault, slices.Concat(gets, []string{"put json"}, clean)},
		"manifest there already": {faultyStore{suffix: ".json", before: snapshot.ErrExist}, snapshot.ErrExist, slices.Concat(gets, []string{"put json", "delete tar.zst.age"})},
		"manifest not read":      {faultyStore{suffix: ".json", get: errFault}, errFault, slices.Concat(gets, []string{"put json", "get json"}, clean)},
		"manifest changed":       {faultyStore{suffix: ".json", read: flipLast}, snapshot.ErrReadBack, slices.Concat(gets, []string{"put json", "get json"}, clean)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, fixture.Autolock, snapshot.Cold)
			c.store.Store, c.store.calls = r.store.Store, r.calls
			r.store = &c.store
			r.Store = r.store
			r.fails(t, c.want)
			r.wantCalls(t, c.calls...)
		})
	}
}

// Ctrl-C while it is stored: what was stored goes all the same.
func TestBackupCanceledInTheStore(t *testing.T) {
	for name, cancelIn := range map[string]func(s *faultyStore, cancel func()){
		"put":       func(s *faultyStore, cancel func()) { s.onPut = cancel },
		"read back": func(s *faultyStore, cancel func()) { s.read = func(data []byte) []byte { cancel(); return data } },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, fixture.Autolock, snapshot.Hot)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r.store.suffix = ".age"
			cancelIn(r.store, cancel)
			if m, err := snapshot.Backup(ctx, r.BackupOptions); m != nil || !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, %v", m, err)
			}
			r.wantNothing(t)
		})
	}
}

func TestBackupErrorsNameTheStore(t *testing.T) {
	r := newRig(t, fixture.Autolock, snapshot.Cold)
	r.store.ready = errFault
	_, err := snapshot.Backup(t.Context(), r.BackupOptions)
	if !errors.Is(err, snapshot.ErrStore) || !strings.Contains(err.Error(), "mem:") {
		t.Errorf("got %v", err)
	}
}

// An archive that somebody else stored under the name stays.
func TestBackupReplacesNothing(t *testing.T) {
	r := newRig(t, fixture.Autolock, snapshot.Cold)
	put(t, r.store.Store, "c/n/old", []byte("old"))
	r.store.suffix, r.store.before = ".age", snapshot.ErrExist
	if _, err := snapshot.Backup(t.Context(), r.BackupOptions); !errors.Is(err, snapshot.ErrExist) {
		t.Errorf("got %v", err)
	}
	r.wantCalls(t, "ready", "stop", "start", "put tar.zst.age")
}

// Whatever fails once the engine was asked to stop, it is asked to start, and
// the context that it is asked with is not done.
func TestBackupEngineComesUp(t *testing.T) {
	down := []string{"ready", "stop", "start"}
	cases := map[string]struct {
		fail func(r *rig, cancel func())
		want error
	}{
		"refused":  {func(r *rig, _ func()) { r.engine.stopErr = errFault }, errFault},
		"canceled": {func(r *rig, cancel func()) { r.engine.onStop = cancel }, context.Canceled},
		"canceled and refused": {func(r *rig, cancel func()) {
			r.engine.onStop, r.engine.stopErr = cancel, context.Canceled
		}, context.Canceled},
		"directory gone": {func(r *rig, _ func()) {
			r.engine.onStop = func() { os.RemoveAll(r.Dir) }
		}, fs.ErrNotExist},
		"key gone": {func(r *rig, _ func()) {
			r.engine.onStop = func() { os.Remove(filepath.Join(r.Dir, keyFile)) }
		}, snapshot.ErrNotManager},
		"key rotated": {func(r *rig, _ func()) {
			r.engine.onStop = func() { otherKey(r) }
		}, unlock.ErrCannotDecrypt},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, fixture.Autolock, snapshot.Cold)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c.fail(r, cancel)
			if m, err := snapshot.Backup(ctx, r.BackupOptions); m != nil || !errors.Is(err, c.want) || errors.Is(err, snapshot.ErrEngineDown) {
				t.Errorf("got %v, %v", m, err)
			}
			r.wantCalls(t, down...)
			if r.engine.startCtx != nil {
				t.Errorf("start was given a context that is done: %v", r.engine.startCtx)
			}
			r.wantNothing(t)
		})
	}
}

// otherKey puts the node key of another manager in place.
func otherKey(r *rig) {
	s := "../../testfixtures/swarm/" + fixture.Plain + "/swarm/" + keyFile
	data, err := os.ReadFile(s)
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile(filepath.Join(r.Dir, keyFile), data, 0o600); err != nil {
		panic(err)
	}
}

func TestBackupEngineStaysDown(t *testing.T) {
	r := newRig(t, fixture.Autolock, snapshot.Cold)
	r.engine.startErr = errFault
	r.fails(t, snapshot.ErrEngineDown)
	r.wantCalls(t, "ready", "stop", "start")

	r = newRig(t, fixture.Autolock, snapshot.Cold)
	r.engine.startErr = errFault
	r.engine.stopErr = io.ErrUnexpectedEOF
	r.fails(t, snapshot.ErrEngineDown)
	_, err := snapshot.Backup(t.Context(), r.BackupOptions)
	if !errors.Is(err, errFault) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a cause is missing: %v", err)
	}
}

// A copy that does not prove is no backup, also where the engine is up again.
func TestBackupOfADamagedLog(t *testing.T) {
	r := newRig(t, fixture.Autolock, snapshot.Cold)
	flip(t, segment(t, r.Dir), 4000)
	m, err := snapshot.Backup(t.Context(), r.BackupOptions)
	damage := (*raftlog.DamageError)(nil)
	if m != nil || !errors.As(err, &damage) {
		t.Errorf("got %v, %v", m, err)
	}
	r.wantCalls(t, "ready", "stop", "start")
	r.wantNothing(t)
}

// What can be refused before the engine is stopped is.
func TestBackupRefusesFirst(t *testing.T) {
	wrong, err := unlock.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(r *rig)
		want   error // nil for any
	}{
		"no key":             {func(r *rig) { r.Key = unlock.Key{} }, unlock.ErrLocked},
		"wrong key":          {func(r *rig) { r.Key = wrong }, unlock.ErrWrongKey},
		"a worker":           {func(r *rig) { r.Dir = fixture.Copy(t, fixture.Worker).Dir }, snapshot.ErrNotManager},
		"no directory":       {func(r *rig) { r.Dir += "x" }, fs.ErrNotExist},
		"no scratch":         {func(r *rig) { r.ScratchDir += "/x" }, fs.ErrNotExist},
		"no engine":          {func(r *rig) { r.Engine = nil }, nil},
		"no recipients":      {func(r *rig) { r.Recipients = nil }, nil},
		"empty recipients":   {func(r *rig) { r.Recipients = &snapshot.Recipients{} }, nil},
		"no signing key":     {func(r *rig) { r.Signer = "" }, nil},
		"half a signing key": {func(r *rig) { r.Signer = r.Signer[:20] }, nil},
		"an unknown mode":    {func(r *rig) { r.Mode = "warm" }, nil},
		"no mode":            {func(r *rig) { r.Mode = "" }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, fixture.Autolock, snapshot.Cold)
			scratch := r.ScratchDir
			c.change(r)
			m, err := snapshot.Backup(t.Context(), r.BackupOptions)
			if m != nil || err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, %v", m, err)
			}
			if calls := slices.DeleteFunc(*r.calls, func(c string) bool { return c == "ready" }); len(calls) > 0 {
				t.Errorf("calls %s", calls)
			}
			wantEmpty(t, scratch)
		})
	}
}

// At every step the copy has no name, so that a kill leaves nothing; and the
// store holds no manifest before the archive was read back.
func TestBackupHasNoName(t *testing.T) {
	r := newRig(t, fixture.Autolock, snapshot.Cold)
	seen := 0
	look := func() {
		seen++
		wantEmpty(t, r.ScratchDir)
	}
	r.engine.onStop, r.store.onPut = look, look
	r.Progress = func(string) { look() }
	r.store.suffix, r.store.read = ".age", func(data []byte) []byte {
		if names, err := snapshot.List(t.Context(), r.store, ""); err != nil || len(names) > 0 {
			t.Errorf("listed before it was read back: %s, %v", names, err)
		}
		return data
	}
	if _, err := snapshot.Backup(t.Context(), r.BackupOptions); err != nil {
		t.Fatal(err)
	}
	if seen < 8 {
		t.Errorf("looked %d times", seen)
	}
}

// A full scratch directory is told before the engine is stopped.
func TestBackupNeedsRoom(t *testing.T) {
	r := newRig(t, fixture.Autolock, snapshot.Cold)
	r.ScratchDir = tmpfs(t, "16k")
	if _, err := snapshot.Backup(t.Context(), r.BackupOptions); err == nil || !strings.Contains(err.Error(), "KiB") {
		t.Errorf("got %v", err)
	}
	r.wantCalls(t, "ready")
}

func TestManifestIsJSONOnTop(t *testing.T) {
	r := newRig(t, fixture.Autolock, snapshot.Cold)
	m, err := snapshot.Backup(t.Context(), r.BackupOptions)
	if err != nil {
		t.Fatal(err)
	}
	rc, err := r.store.Store.Get(t.Context(), m.Name.Manifest())
	if err != nil {
		t.Fatal(err)
	}
	var got snapshot.Manifest
	if err := json.NewDecoder(rc).Decode(&got); err != nil || got.Name != m.Name {
		t.Errorf("%+v, %v", got, err)
	}
}
