package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// key is who can open a snapshot. These keys were made for the vectors and open
// nothing else.
type key struct {
	file      string
	recipient string // empty for a passphrase
	secret    string
}

const passphrase = "swarmdr-canary-passphrase"

func (g *generator) makeKeys() {
	check(os.RemoveAll(filepath.Join(g.dir, "keys")))
	x, xPublic, err := snapshot.GenerateIdentity()
	check(err)
	hybrid, hybridPublic, err := snapshot.GenerateHybridIdentity()
	check(err)
	secure, securePublic := sshKey()
	g.keys = map[string]key{
		"x25519":      {"keys/x25519.txt", xPublic, x + "\n"},
		"hybrid":      {"keys/hybrid.txt", hybridPublic, hybrid + "\n"},
		"ssh-ed25519": {"keys/ssh_ed25519", securePublic, secure},
		"passphrase":  {"keys/passphrase.txt", "", passphrase + "\n"},
	}
	for _, k := range g.keys {
		write(filepath.Join(g.dir, k.file), []byte(k.secret))
	}
	var verifier string
	g.signer, verifier, err = snapshot.GenerateSigner("vectors")
	check(err)
	write(filepath.Join(g.dir, "keys/signer.pub"), []byte(verifier+"\n"))
	g.other, _, err = snapshot.GenerateSigner("vectors")
	check(err)
}

func sshKey() (private, public string) {
	pub, secret, err := ed25519.GenerateKey(rand.Reader)
	check(err)
	block, err := ssh.MarshalPrivateKey(secret, "vectors")
	check(err)
	line, err := ssh.NewPublicKey(pub)
	check(err)
	return string(pem.EncodeToMemory(block)), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(line)))
}

// recipients are those of the keys of these names.
func (g *generator) recipients(names ...string) *snapshot.Recipients {
	if len(names) == 1 && names[0] == "passphrase" {
		to, err := snapshot.PassphraseRecipient([]byte(passphrase))
		check(err)
		return to
	}
	var public []string
	for _, name := range names {
		public = append(public, g.keys[name].recipient)
	}
	to, err := snapshot.ParseRecipients(public)
	check(err)
	return to
}

func (g *generator) identity(name string) *snapshot.Identities {
	ids, err := snapshot.ParseIdentities(bytes.NewReader([]byte(g.keys[name].secret)))
	check(err)
	return ids
}
