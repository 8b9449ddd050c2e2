package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/snapshot/snapshottest"
)

// rig is a backup that would go well, of a recorded manager, with a fake
// engine and a store in memory that note what they are asked.
type rig struct {
	snapshot.BackupOptions
	swarm    *fixture.Swarm
	engine   *fakeEngine
	store    *faultyStore
	pair     keyPair
	verifier string
	calls    *[]string
}

func newRig(t testing.TB, recording string, mode snapshot.Mode) *rig {
	t.Helper()
	calls := &[]string{}
	r := &rig{
		swarm: fixture.Copy(t, recording), pair: newKeyPair(t), calls: calls,
		engine: &fakeEngine{calls: calls},
		store:  &faultyStore{Store: snapshottest.NewMem(), calls: calls},
	}
	signer, verifier := newSigner(t)
	r.verifier = verifier
	r.BackupOptions = snapshot.BackupOptions{
		Dir: r.swarm.Dir, ScratchDir: t.TempDir(), Mode: mode, Engine: r.engine, Key: r.swarm.Key, Store: r.store,
		Recipients: recipients(t, r.pair.recipient), Signer: signer, Tool: "swarmdr test", Hostname: "m3", EngineVer: "28.5.2",
	}
	return r
}

// fakeEngine is no engine: it notes the calls and stops nothing.
type fakeEngine struct {
	calls             *[]string
	stopErr, startErr error
	onStop            func()
	startCtx          error // what ctx.Err said in Start
}

func (e *fakeEngine) Stop(context.Context) error {
	*e.calls = append(*e.calls, "stop")
	if e.onStop != nil {
		e.onStop()
	}
	return e.stopErr
}

func (e *fakeEngine) Start(ctx context.Context) error {
	*e.calls = append(*e.calls, "start")
	e.startCtx = ctx.Err()
	return e.startErr
}

// faultyStore notes the calls and does what it is told to objects whose name
// ends in suffix.
type faultyStore struct {
	snapshot.Store
	calls  *[]string
	suffix string
	ready  error
	before error               // Put fails before it asks for a byte
	write  error               // what Put writes to fails after some bytes
	after  error               // Put fails though the object is stored
	get    error               // Get fails
	read   func([]byte) []byte // Get returns other bytes
	onPut  func()
}

func (s *faultyStore) note(verb, name string) bool {
	_, kind, _ := strings.Cut(filepath.Base(name), "Z.")
	*s.calls = append(*s.calls, verb+" "+kind)
	return s.suffix != "" && strings.HasSuffix(name, s.suffix)
}

func (s *faultyStore) Ready(ctx context.Context) error {
	*s.calls = append(*s.calls, "ready")
	return errors.Join(s.ready, s.Store.Ready(ctx))
}

func (s *faultyStore) Put(ctx context.Context, name string, fill func(io.Writer) error) error {
	hit := s.note("put", name)
	if s.onPut != nil {
		s.onPut()
	}
	if hit && s.before != nil {
		return s.before
	}
	err := s.Store.Put(ctx, name, func(w io.Writer) error {
		if hit && s.write != nil {
			w = &brokenPipe{s.write, 5000}
		}
		return fill(w)
	})
	if hit && err == nil {
		err = s.after
	}
	return err
}

func (s *faultyStore) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	hit := s.note("get", name)
	if hit && s.get != nil {
		return nil, s.get
	}
	r, err := s.Store.Get(ctx, name)
	if err != nil || !hit || s.read == nil {
		return r, err
	}
	data, err := io.ReadAll(r)
	return io.NopCloser(bytes.NewReader(s.read(data))), err
}

func (s *faultyStore) Delete(ctx context.Context, name string) error {
	s.note("delete", name)
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.Store.Delete(ctx, name)
}

type brokenPipe struct {
	err  error
	left int
}

func (b *brokenPipe) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, b.err
	}
	return len(p), nil
}

func (r *rig) wantCalls(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(*r.calls, want) {
		t.Errorf("calls\n%s\nwant\n%s", strings.Join(*r.calls, "\n"), strings.Join(want, "\n"))
	}
}

// wantNothing is what every failure leaves: nothing in the store and nothing
// in the scratch directory.
func (r *rig) wantNothing(t *testing.T) {
	t.Helper()
	for o := range r.store.Store.List(t.Context(), "") {
		t.Errorf("%s is in the store", o.Name)
	}
	wantEmpty(t, r.ScratchDir)
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("in %s: %v, %v", dir, entries, err)
	}
}

func (r *rig) fails(t *testing.T, want error) {
	t.Helper()
	m, err := snapshot.Backup(t.Context(), r.BackupOptions)
	if m != nil || !errors.Is(err, want) {
		t.Errorf("got %v, %v; want %v", m, err, want)
	}
	r.wantNothing(t)
}
