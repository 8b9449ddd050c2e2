package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// manifests writes good archives with manifests that say something else.
func (g *generator) manifests(whole, t taken) {
	lies := whole.m
	lies.Contents.Index++
	g.variant("wrong-contents", "an index that the log in it has not", "ErrContents", whole, g.sign(lies), whole.archive)
	g.variant("unknown-fields", "fields that a later version may add: they are ignored", "", whole,
		g.edited(whole, func(m map[string]any) { m["later"] = map[string]any{"a": []int{1}} }), whole.archive)

	add := func(name, what, wantErr string, manifest []byte) {
		g.variant(name, what, wantErr, t, manifest, t.archive)
	}
	add("newer-format", "format 2, with a name of another type", "ErrNewerFormat",
		g.edited(t, func(m map[string]any) { m["format"], m["name"] = 2, []string{"x"} }))
	add("no-format", "no format", "ErrMalformed", g.edited(t, func(m map[string]any) { delete(m, "format") }))
	add("missing-digest", "no digest of the archive", "ErrMalformed", g.edited(t, func(m map[string]any) { delete(m, "sealed_sha256") }))
	add("missing-files", "no list of files", "ErrMalformed", g.edited(t, func(m map[string]any) { delete(m, "files") }))
	add("wrong-digest", "the digest of another archive", "ErrDigest", g.describe(t.m, append(bytes.Clone(t.archive), 0)))
	add("other-signer", "signed by a key of the same name that nobody trusts", "ErrUntrusted", g.signedBy(t, g.other))
	add("changed-text", "one digit was changed after it was signed", "ErrUntrusted",
		bytes.Replace(t.manifest, []byte(`"down_ms": 0`), []byte(`"down_ms": 1`), 1))
	add("unsigned", "JSON without a signature", "ErrMalformed", bytes.SplitAfter(t.manifest, []byte("\n}\n"))[0])

	foreign := t.m
	foreign.Contents.ClusterID = strings.ToLower("x" + foreign.Contents.ClusterID[1:])
	add("wrong-cluster", "the contents are of another cluster than the name", "ErrMalformed", g.sign(foreign))
	file := t.m
	file.Files = append([]snapshot.File(nil), file.Files...)
	file.Files[0].SHA256 = sum(nil)
	add("wrong-file", "another digest of a file", "ErrDigest", g.sign(file))
	file.Files = append(append([]snapshot.File(nil), t.m.Files...), snapshot.File{Path: "more", Mode: "0600", SHA256: sum(nil)})
	add("missing-file", "a file of the manifest is not in the archive", "ErrDigest", g.sign(file))

	moved := t
	moved.seals.Name = snapshot.NewName(t.m.Name.Cluster(), t.m.Name.Node(), t.m.Created.Add(time.Hour))
	g.variant("moved", "an older snapshot under a newer name", "ErrMismatch", moved, t.manifest, t.archive)
}

func (g *generator) signedBy(t taken, signer string) []byte {
	text, err := snapshot.SignManifest(&t.m, signer)
	check(err)
	return text
}

// edited is the manifest with other JSON, signed.
func (g *generator) edited(t taken, change func(map[string]any)) []byte {
	text, err := json.Marshal(t.m)
	check(err)
	var m map[string]any
	check(json.Unmarshal(text, &m))
	change(m)
	text, err = json.MarshalIndent(m, "", "  ")
	check(err)
	signer, err := note.NewSigner(g.signer)
	check(err)
	signed, err := note.Sign(&note.Note{Text: string(text) + "\n"}, signer)
	check(err)
	return signed
}
