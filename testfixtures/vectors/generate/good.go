package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/swarmdr/swarmdr/internal/store/file"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// The recordings that are backed up.
const (
	plain    = "28.5.2-plain"
	autolock = "28.5.2-autolock"
)

// taken is a snapshot as Backup stored it.
type taken struct {
	m        snapshot.Manifest
	manifest []byte
	archive  []byte
	plain    []byte // the tar
	seals    vector // how it opens
}

// good writes snapshots that every reader must open.
func (g *generator) good() {
	for _, v := range []struct{ name, what, recording, open, to string }{
		{"x25519", "sealed to an X25519 key", plain, "x25519", ""},
		{"x25519-autolock", "sealed to an X25519 key, of an autolocked manager", autolock, "x25519", ""},
		{"hybrid", "sealed to a post-quantum key", plain, "hybrid", ""},
		{"ssh-ed25519", "sealed to an ssh key", plain, "ssh-ed25519", ""},
		{"passphrase", "sealed to a passphrase", plain, "passphrase", ""},
		{"several", "sealed to two keys, opened by the second", plain, "ssh-ed25519", "x25519 ssh-ed25519"},
	} {
		t := g.backup(v.open, v.recording, v.to)
		t.seals.What = v.what
		g.add(v.name, t.seals, t.manifest, t.archive)
	}
	g.resealed()
}

// backup takes a hot snapshot of a recording. to names the keys, if there are
// others than open.
func (g *generator) backup(open, recording, to string) taken {
	if to == "" {
		to = open
	}
	dir := filepath.Join(g.dir, "..", "swarm", recording)
	store := g.newStore()
	options := snapshot.BackupOptions{
		Dir: filepath.Join(dir, "swarm"), ScratchDir: g.scratch, Mode: snapshot.Hot, Store: store,
		Recipients: g.recipients(strings.Fields(to)...), Signer: g.signer, Tool: "swarmdr vectors", Hostname: "m1", EngineVer: "28.5.2",
	}
	seals := g.opens(open)
	if text, err := os.ReadFile(filepath.Join(dir, "unlock.key")); err == nil {
		options.Key, err = unlock.ParseKey(string(text))
		check(err)
		seals.UnlockKey = "keys/unlock.key"
		write(filepath.Join(g.dir, seals.UnlockKey), text)
	}
	m, err := snapshot.Backup(context.Background(), options)
	check(err)
	seals.Name = m.Name
	return g.stored(store, m, seals)
}

func (g *generator) opens(name string) vector {
	if name == "passphrase" {
		return vector{Passphrase: g.keys[name].file}
	}
	v := vector{Identity: g.keys[name].file}
	if name == "hybrid" {
		v.AgeSince = "1.3.0"
	}
	return v
}

func (g *generator) stored(store snapshot.Store, m *snapshot.Manifest, seals vector) taken {
	t := taken{m: *m, manifest: read(store, m.Name.Manifest()), archive: read(store, m.Name.Archive()), seals: seals}
	if seals.Identity == g.keys["x25519"].file {
		t.plain = unseal(t.archive, g.keys["x25519"].secret)
	}
	return t
}

func (g *generator) newStore() snapshot.Store {
	dir, err := os.MkdirTemp(g.scratch, "vectors-")
	check(err)
	return file.New(dir)
}

// resealed is a snapshot that was sealed to another key later.
func (g *generator) resealed() {
	t := g.backup("ssh-ed25519", plain, "")
	from, to := g.newStore(), g.newStore()
	put(from, t.m.Name.Archive(), t.archive)
	m, err := snapshot.Reseal(context.Background(), snapshot.ResealOptions{
		From: from, Manifest: &t.m, SignedBy: "vectors", With: g.identity("ssh-ed25519"), To: to,
		Recipients: g.recipients("x25519"), Signer: g.signer, Tool: "swarmdr vectors", ScratchDir: g.scratch,
	})
	check(err)
	seals := g.opens("x25519")
	seals.What, seals.Name = "sealed to another key later", m.Name
	again := g.stored(to, m, seals)
	g.add("resealed", seals, again.manifest, again.archive)
}

func read(store snapshot.Store, name string) []byte {
	r, err := store.Get(context.Background(), name)
	check(err)
	var b bytes.Buffer
	_, err = b.ReadFrom(r)
	check(err)
	check(r.Close())
	return b.Bytes()
}
