// Command generate writes the test vectors of the snapshot format anew:
//
//	go run ./testfixtures/vectors/generate testfixtures/vectors
//
// It reads the recordings in testfixtures/swarm. Keys, nonces and times are new
// each time; what each vector shows is not. Broken archives are written here
// with age, zstd and tar alone, not by package snapshot.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: generate DIR")
	}
	scratch, err := os.MkdirTemp("", "vectors-")
	check(err)
	g := &generator{dir: os.Args[1], scratch: scratch}
	g.makeKeys()
	g.good()
	whole := g.backup("x25519", plain, "")
	small := g.small(whole)
	g.manifests(whole, small)
	g.archives(whole, small)
	g.tars(small)
	check(os.RemoveAll(scratch))
	fmt.Printf("%d vectors in %s\n", g.count, g.dir)
}

// vector is the file vector.json. Paths are below the directory of vectors.
type vector struct {
	What string        `json:"what"`
	Name snapshot.Name `json:"name"` // that of its objects in the store
	// Identity or Passphrase opens it, UnlockKey what is in it, Verifier its
	// signature.
	Identity   string `json:"identity,omitempty"`
	Passphrase string `json:"passphrase,omitempty"`
	UnlockKey  string `json:"unlock_key,omitempty"`
	Verifier   string `json:"verifier"`
	// Error is the error that a reader must end with, by its name in package
	// snapshot; empty for a good snapshot.
	Error string `json:"error,omitempty"`
	// AgeSince is the first version of age that opens it.
	AgeSince string `json:"age_since,omitempty"`
}

type generator struct {
	dir     string
	scratch string
	count   int
	signer  string
	other   string // a signer that nobody trusts
	keys    map[string]key
}

// add writes one vector: its description, and its objects as they lie in a
// store.
func (g *generator) add(name string, v vector, manifest, archive []byte) {
	dir := filepath.Join(g.dir, name)
	check(os.RemoveAll(dir))
	v.Verifier = "keys/signer.pub"
	text, err := json.MarshalIndent(v, "", "  ")
	check(err)
	write(filepath.Join(dir, "vector.json"), append(text, '\n'))
	write(filepath.Join(dir, "store", v.Name.Manifest()), manifest)
	write(filepath.Join(dir, "store", v.Name.Archive()), archive)
	g.count++
}

// variant is add for a snapshot that opens as t does, if it opens.
func (g *generator) variant(name, what, wantErr string, t taken, manifest, archive []byte) {
	v := t.seals
	v.What, v.Error = what, wantErr
	g.add(name, v, manifest, archive)
}

func write(path string, data []byte) {
	check(os.MkdirAll(filepath.Dir(path), 0o755))
	check(os.WriteFile(path, data, 0o644))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
