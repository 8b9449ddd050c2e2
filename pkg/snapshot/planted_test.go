package snapshot_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/snapshot/snapshottest"
)

// restore is what every reader does: load, fetch, prove.
func (s *stored) restore(t *testing.T, store snapshot.Store, name snapshot.Name) error {
	t.Helper()
	m, _, err := snapshot.Load(t.Context(), store, name, []string{s.verifier})
	if err != nil {
		return err
	}
	opened, err := snapshot.Fetch(t.Context(), store, m, s.pair.identity, s.ScratchDir)
	if err != nil {
		return err
	}
	return errors.Join(snapshot.ProveManifest(opened, m, s.Key), opened.Close())
}

func (s *stored) manifest(t *testing.T) []byte {
	t.Helper()
	return get(t, s.store.Store, s.m.Name.Manifest())
}

// Whoever can write the bucket knows the public keys: they can seal, and sign
// with a key of their own.
func TestPlantedSnapshot(t *testing.T) {
	s := newStored(t)
	intruder, _ := newSigner(t)
	newer := *s.m
	newer.Created = s.m.Created.Add(time.Hour)
	newer.Name = snapshot.NewName(s.m.Name.Cluster(), s.m.Name.Node(), newer.Created)

	other := newRig(t, fixture.Plain, snapshot.Hot)
	other.Recipients, other.Signer = s.Recipients, s.Signer
	foreign, err := snapshot.Backup(t.Context(), other.BackupOptions)
	if err != nil {
		t.Fatal(err)
	}
	foreignData := get(t, other.store.Store, foreign.Name.Archive())
	foreignText := get(t, other.store.Store, foreign.Name.Manifest())

	for name, c := range map[string]struct {
		at       snapshot.Name
		manifest []byte
		archive  []byte
		want     error
	}{
		"as it was taken":                     {s.m.Name, s.manifest(t), s.data, nil},
		"all of it by a stranger":             {newer.Name, sign(t, &newer, intruder), s.data, snapshot.ErrUntrusted},
		"a true manifest, signed by both":     {s.m.Name, append(s.manifest(t), "— m1 AAAAAAAA\n"...), s.data, nil},
		"an old one under a newer name":       {newer.Name, s.manifest(t), s.data, snapshot.ErrMismatch},
		"a manifest with its name changed":    {newer.Name, bytes.Replace(s.manifest(t), []byte(s.m.Name), []byte(newer.Name), 1), s.data, snapshot.ErrUntrusted},
		"a manifest with another archive":     {s.m.Name, s.manifest(t), sealed(t, noise(100), s.pair.recipient), snapshot.ErrDigest},
		"the archive of another cluster":      {s.m.Name, s.manifest(t), foreignData, snapshot.ErrDigest},
		"the manifest of another cluster":     {s.m.Name, foreignText, s.data, snapshot.ErrMismatch},
		"the snapshot of another cluster":     {s.m.Name, foreignText, foreignData, snapshot.ErrMismatch},
		"no signature":                        {s.m.Name, bytes.SplitAfter(s.manifest(t), []byte("\n}\n"))[0], s.data, snapshot.ErrMalformed},
		"no archive":                          {s.m.Name, s.manifest(t), nil, snapshot.ErrNotExist},
		"no manifest":                         {s.m.Name, nil, s.data, snapshot.ErrNotExist},
		"another manager's name for the same": {snapshot.NewName(s.m.Name.Cluster(), "x", s.m.Created), s.manifest(t), s.data, snapshot.ErrMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			store := snapshottest.NewMem()
			if c.manifest != nil {
				put(t, store, c.at.Manifest(), c.manifest)
			}
			if c.archive != nil {
				put(t, store, c.at.Archive(), c.archive)
			}
			if err := s.restore(t, store, c.at); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// Without trusted signers a planted snapshot opens: that is what they are for.
func TestPlantedSnapshotWithoutSigners(t *testing.T) {
	s := newStored(t)
	intruder, _ := newSigner(t)
	store := snapshottest.NewMem()
	put(t, store, s.m.Name.Manifest(), sign(t, s.m, intruder))
	m, signedBy, err := snapshot.Load(t.Context(), store, s.m.Name, nil)
	if err != nil || m == nil || signedBy != "" {
		t.Errorf("got %v, signed by %q, %v", m, signedBy, err)
	}
}

// A trusted signer may seal a true archive under a manifest that lies of what
// is in it; the replay tells.
func TestManifestThatLies(t *testing.T) {
	s := newStored(t)
	m := *s.m
	m.Contents.Index++
	store := snapshottest.NewMem()
	put(t, store, m.Name.Manifest(), sign(t, &m, s.Signer))
	put(t, store, m.Name.Archive(), s.data)
	if err := s.restore(t, store, m.Name); !errors.Is(err, snapshot.ErrContents) {
		t.Errorf("got %v", err)
	}
}
