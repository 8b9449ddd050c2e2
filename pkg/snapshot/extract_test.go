package snapshot_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

func TestExtract(t *testing.T) {
	s := fixture.Copy(t, fixture.Autolock)
	a, files := stage(t, s.Dir, snapshot.Cold)
	dst := filepath.Join(t.TempDir(), "swarm")
	must(t, a.Extract(t.Context(), dst))
	wantTree(t, a, dst)
	for _, f := range files {
		want, err := os.Stat(filepath.Join(s.Dir, f.Path))
		must(t, err)
		got, err := os.Stat(filepath.Join(dst, f.Path))
		if err != nil || got.Mode() != want.Mode() || got.ModTime().Unix() != want.ModTime().Unix() {
			t.Errorf("%s: %v, %v", f.Path, got, err)
		}
	}
	if _, err := snapshot.Prove(os.DirFS(dst), s.Key); err != nil {
		t.Error(err)
	}
	if err := a.Extract(t.Context(), dst); !errors.Is(err, fs.ErrExist) {
		t.Errorf("again: %v", err)
	}
}

func TestExtractCanceled(t *testing.T) {
	a, _ := stage(t, managerTree(t), snapshot.Cold)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	place := t.TempDir()
	if err := a.Extract(ctx, filepath.Join(place, "swarm")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	wantEmpty(t, place)
}
