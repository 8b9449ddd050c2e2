package main

import (
	"archive/tar"
	"bytes"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// entry is one of a tar; content is that of a file.
type entry struct {
	kind    byte
	name    string
	content string
	link    string
}

func dir(name string) entry           { return entry{kind: tar.TypeDir, name: name} }
func regular(name string) entry       { return entry{kind: tar.TypeReg, name: name, content: "{}"} }
func link(kind byte, to string) entry { return entry{kind: kind, name: "swarm/link", link: to} }

// tars writes archives that hold what Backup never writes. Each is sealed and
// described well.
func (g *generator) tars(t taken) {
	root, state := dir("swarm/"), regular("swarm/state.json")
	for _, v := range []struct {
		name, what, want string
		entries          []entry
	}{
		{"tar-parent", "a name with ..", "ErrNotArchive", []entry{root, state, regular("swarm/../../etc/passwd")}},
		{"tar-absolute", "an absolute name", "ErrNotArchive", []entry{root, state, regular("/etc/passwd")}},
		{"tar-foreign", "a name outside of swarm/", "ErrNotArchive", []entry{root, state, regular("swarmer/x")}},
		{"tar-symlink", "a symbolic link", "ErrNotArchive", []entry{root, state, link(tar.TypeSymlink, "/etc/passwd")}},
		{"tar-hardlink", "a hard link", "ErrNotArchive", []entry{root, state, link(tar.TypeLink, "swarm/state.json")}},
		{"tar-device", "a block device", "ErrNotArchive", []entry{root, state, link(tar.TypeBlock, "")}},
		{"tar-fifo", "a pipe", "ErrNotArchive", []entry{root, state, link(tar.TypeFifo, "")}},
		{"tar-duplicate", "a name that is in it twice", "ErrNotArchive", []entry{root, state, state}},
		{"tar-file-first", "a file before its directory", "ErrNotArchive", []entry{root, state, regular("swarm/raft/x"), dir("swarm/raft/")}},
		{"tar-below-a-file", "a name below that of a file", "ErrNotArchive", []entry{root, state, regular("swarm/state.json/x")}},
		{"tar-without-root", "no directory swarm/", "ErrNotArchive", []entry{state}},
		{"tar-empty", "no entry at all", "ErrNotArchive", nil},
		{"tar-extra-file", "a file that the manifest does not list", "ErrDigest", []entry{root, state, regular("swarm/extra")}},
	} {
		archive := g.encrypt(compress(tarOf(v.entries)))
		g.variant(v.name, v.what, v.want, t, g.describe(t.m, archive), archive)
	}
}

// small is a snapshot of one file, for readers that never come to its log.
func (g *generator) small(t taken) taken {
	t.plain = tarOf([]entry{dir("swarm/"), regular("swarm/state.json")})
	t.m.Files = []snapshot.File{{Path: "state.json", Mode: "0600", Size: 2, SHA256: sum([]byte("{}"))}}
	t.archive = g.encrypt(compress(t.plain))
	t.m.SealedSize, t.m.SealedSHA256 = int64(len(t.archive)), sum(t.archive)
	t.manifest = g.sign(t.m)
	return t
}

func tarOf(entries []entry) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		check(w.WriteHeader(&tar.Header{Typeflag: e.kind, Name: e.name, Linkname: e.link, Mode: 0o600, Size: int64(len(e.content))}))
		_, err := w.Write([]byte(e.content))
		check(err)
	}
	check(w.Close())
	return b.Bytes()
}
