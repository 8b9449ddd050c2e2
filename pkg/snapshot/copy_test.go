package snapshot_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/snapshot/snapshottest"
)

// backedUp is a rig after one backup.
func backedUp(t *testing.T) (*rig, *snapshot.Manifest) {
	t.Helper()
	r := newRig(t, fixture.Autolock, snapshot.Hot)
	m, err := snapshot.Backup(t.Context(), r.BackupOptions)
	must(t, err)
	return r, m
}

// second is a store to copy to, which notes its calls apart from those of r.
func second() *faultyStore {
	return &faultyStore{Store: snapshottest.NewMem(), calls: &[]string{}}
}

func wantSame(t *testing.T, a, b snapshot.Store, m *snapshot.Manifest) {
	t.Helper()
	for _, object := range []string{m.Name.Archive(), m.Name.Manifest()} {
		if content(t, a, object) != content(t, b, object) {
			t.Errorf("%s differs", object)
		}
	}
}

func content(t *testing.T, s snapshot.Store, object string) string {
	t.Helper()
	r, err := s.Get(t.Context(), object)
	must(t, err)
	data, err := io.ReadAll(r)
	must(t, errors.Join(err, r.Close()))
	return string(data)
}

func TestCopy(t *testing.T) {
	r, m := backedUp(t)
	to := second()
	for range 2 {
		must(t, snapshot.Copy(t.Context(), r.store, to, m.Name, []string{r.verifier}))
		wantSame(t, r.store, to, m)
	}
}

func TestCopyRefuses(t *testing.T) {
	_, stranger := newSigner(t)
	_, other := backedUp(t)
	for name, c := range map[string]struct {
		spoil func(r *rig, to *faultyStore)
		name  snapshot.Name
		trust string
		want  error
	}{
		"a stranger's":     {trust: stranger, want: snapshot.ErrUntrusted},
		"what is not here": {name: other.Name, want: snapshot.ErrNotExist},
		"another archive":  {spoil: func(r *rig, _ *faultyStore) { r.store.suffix, r.store.read = ".age", flipLast }, want: snapshot.ErrDigest},
		"a short archive":  {spoil: func(r *rig, _ *faultyStore) { r.store.suffix, r.store.read = ".age", cutLast }, want: snapshot.ErrDigest},
		"a lying store":    {spoil: func(_ *rig, to *faultyStore) { to.suffix, to.read = ".age", cutLast }, want: snapshot.ErrDigest},
		"a full store":     {spoil: func(_ *rig, to *faultyStore) { to.suffix, to.write = ".age", io.ErrShortWrite }, want: io.ErrShortWrite},
	} {
		t.Run(name, func(t *testing.T) {
			r, m := backedUp(t)
			to := second()
			if c.spoil != nil {
				c.spoil(r, to)
			}
			if c.name == "" {
				c.name = m.Name
			}
			if c.trust == "" {
				c.trust = r.verifier
			}
			if err := snapshot.Copy(t.Context(), r.store, to, c.name, []string{c.trust}); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			for o := range to.Store.List(t.Context(), "") {
				t.Errorf("%s was left", o.Name)
			}
		})
	}
}

func flipLast(data []byte) []byte {
	data = slices.Clone(data)
	data[len(data)-1] ^= 1
	return data
}

func cutLast(data []byte) []byte { return data[:len(data)-1] }

// What a killed copy left is compared and completed.
func TestCopyGoesOn(t *testing.T) {
	r, m := backedUp(t)
	to := second()
	put(t, to.Store, m.Name.Archive(), []byte(content(t, r.store, m.Name.Archive())))
	must(t, snapshot.Copy(t.Context(), r.store, to, m.Name, []string{r.verifier}))
	wantSame(t, r.store, to, m)
}

func TestCopyReplacesNothing(t *testing.T) {
	for suffix, want := range map[string]error{".tar.zst.age": snapshot.ErrNotSealed, ".json": snapshot.ErrExist} {
		r, m := backedUp(t)
		to := second()
		put(t, to.Store, string(m.Name)+suffix, []byte("what was there"))
		if err := snapshot.Copy(t.Context(), r.store, to, m.Name, nil); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", suffix, err, want)
		}
		if got := content(t, to.Store, string(m.Name)+suffix); got != "what was there" {
			t.Errorf("%s: now %.20q", suffix, got)
		}
	}
}

// spooled are n backups in one store, of which the oldest comes first.
func spooled(t *testing.T, n int) (*rig, []snapshot.Name) {
	t.Helper()
	r := newRig(t, fixture.Autolock, snapshot.Hot)
	var names []snapshot.Name
	for range n {
		m, err := snapshot.Backup(t.Context(), r.BackupOptions)
		must(t, err)
		names = append(names, m.Name)
		time.Sleep(2 * time.Millisecond) // the resolution of a name
	}
	return r, names
}

func wantStored(t *testing.T, s snapshot.Store, want ...snapshot.Name) {
	t.Helper()
	if got, err := snapshot.List(t.Context(), s, ""); err != nil || !slices.Equal(got, want) {
		t.Errorf("%s holds %s, %v; want %s", s.URL(), got, err, want)
	}
}

func TestDrain(t *testing.T) {
	r, names := spooled(t, 3)
	a, b := second(), second()
	deliveries, err := snapshot.Drain(t.Context(), r.store, []snapshot.Store{a, b}, []string{r.verifier})
	must(t, err)
	for _, d := range deliveries {
		if !slices.Equal(d.Copied, names) || d.Err != nil {
			t.Errorf("%+v", d)
		}
	}
	wantStored(t, a, names...)
	wantStored(t, b, names...)
	wantStored(t, r.store)
}

// What one store does not take stays, and goes there the next time.
func TestDrainLater(t *testing.T) {
	r, names := spooled(t, 3)
	down := errors.New("connection refused")
	a, b := second(), second()
	b.suffix, b.before = names[1].Archive(), down
	both := []snapshot.Store{b, a}
	deliveries, err := snapshot.Drain(t.Context(), r.store, both, nil)
	if !errors.Is(err, down) || !errors.Is(deliveries[0].Err, down) || deliveries[1].Err != nil {
		t.Errorf("got %+v, %v", deliveries, err)
	}
	wantStored(t, a, names...)
	wantStored(t, b, names[0])
	wantStored(t, r.store, names[1:]...)
	b.before = nil
	_, err = snapshot.Drain(t.Context(), r.store, both, nil)
	must(t, err)
	wantStored(t, b, names...)
	wantStored(t, r.store)
}

// One that is damaged stays, and holds up no other.
func TestDrainKeepsWhatIsDamaged(t *testing.T) {
	r, names := spooled(t, 3)
	r.store.suffix, r.store.read = names[1].Archive(), flipLast
	to := second()
	if _, err := snapshot.Drain(t.Context(), r.store, []snapshot.Store{to}, nil); !errors.Is(err, snapshot.ErrDigest) {
		t.Errorf("got %v", err)
	}
	wantStored(t, r.store, names[1])
	wantStored(t, to, names[0], names[2])
}

func TestDrainCanceled(t *testing.T) {
	r, names := spooled(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	to := second()
	to.onPut = cancel
	if _, err := snapshot.Drain(ctx, r.store, []snapshot.Store{to}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	wantStored(t, r.store, names...)
	wantStored(t, to)
}

func TestTrim(t *testing.T) {
	r, names := spooled(t, 3)
	total := int64(0)
	for o := range r.store.List(t.Context(), "") {
		total += o.Size
	}
	for _, c := range []struct {
		max     int64
		dropped []snapshot.Name
	}{{total, nil}, {total - 1, names[:1]}, {total / 2, names[1:2]}, {1, nil}} {
		dropped, err := snapshot.Trim(t.Context(), r.store, c.max)
		if err != nil || !slices.Equal(dropped, c.dropped) {
			t.Errorf("%d of %d bytes: dropped %s, %v", c.max, total, dropped, err)
		}
	}
	wantStored(t, r.store, names[2])
	for o := range r.store.List(t.Context(), "") {
		if !strings.HasPrefix(o.Name, string(names[2])) {
			t.Errorf("%s was left", o.Name)
		}
	}
}
