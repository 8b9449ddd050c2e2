package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"strings"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

func put(store snapshot.Store, name string, data []byte) {
	check(store.Put(context.Background(), name, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}))
}

func compress(plain []byte, options ...zstd.EOption) []byte {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, append(options, zstd.WithEncoderConcurrency(1))...)
	check(err)
	_, err = w.Write(plain)
	check(err)
	check(w.Close())
	return b.Bytes()
}

func (g *generator) encrypt(packed []byte) []byte {
	to, err := age.ParseX25519Recipient(g.keys["x25519"].recipient)
	check(err)
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to)
	check(err)
	_, err = w.Write(packed)
	check(err)
	check(w.Close())
	return b.Bytes()
}

func unseal(archive []byte, identity string) []byte {
	ids, err := age.ParseIdentities(strings.NewReader(identity))
	check(err)
	opened, err := age.Decrypt(bytes.NewReader(archive), ids...)
	check(err)
	r, err := zstd.NewReader(opened)
	check(err)
	defer r.Close()
	plain, err := io.ReadAll(r)
	check(err)
	return plain
}

// describe signs a manifest that fits the archive.
func (g *generator) describe(m snapshot.Manifest, archive []byte) []byte {
	m.SealedSize, m.SealedSHA256 = int64(len(archive)), sum(archive)
	return g.sign(m)
}

func (g *generator) sign(m snapshot.Manifest) []byte {
	text, err := snapshot.SignManifest(&m, g.signer)
	check(err)
	return text
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}
