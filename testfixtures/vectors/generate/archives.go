package main

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"

	"github.com/klauspost/compress/zstd"
)

// chunk is what age encrypts at once, with its tag, in bytes.
const chunk = 64<<10 + 16

// archives writes other envelopes about the same tar. What a manifest describes
// is signed, so that the reader itself must tell.
func (g *generator) archives(whole, t taken) {
	add := func(name, what, wantErr string, archive []byte) {
		g.variant(name, what, wantErr, t, g.describe(t.m, archive), archive)
	}
	middle := len(t.archive) - len(t.archive)/4
	add("flipped-byte-described", "one bit of the payload is another, and the manifest describes that", "ErrDamaged", flipped(t.archive, middle))
	add("flipped-header", "one bit of the header's MAC is another", "ErrDamaged", flipped(t.archive, bytes.Index(t.archive, []byte("\n---"))+10))
	add("truncated-described", "a part of the archive, and the manifest describes that", "ErrDamaged", t.archive[:middle])
	add("truncated-at-a-chunk", "cut behind a whole chunk of age, and the manifest describes that", "ErrDamaged", g.cutAtChunk(t.plain))
	add("not-sealed", "zstd and tar without age", "ErrNotSealed", compress(t.plain))
	add("other-recipient", "sealed to somebody else", "ErrNoIdentity", g.backup("ssh-ed25519", plain, "").archive)
	add("bomb", "256 MiB of zeros, far more than the files of the manifest", "ErrDigest", g.encrypt(compress(make([]byte, 256<<20))))

	stored := func(name, what, wantErr string, archive []byte) {
		g.variant(name, what, wantErr, t, t.manifest, archive)
	}
	stored("truncated", "a part of the archive", "ErrDigest", t.archive[:middle])
	stored("flipped-byte", "one bit of the payload is another", "ErrDigest", flipped(t.archive, middle))
	stored("appended", "a byte behind the end", "ErrDigest", append(bytes.Clone(t.archive), 0))
	stored("empty", "an empty object", "ErrNotSealed", []byte{})
	g.frames(whole, t)
}

// frames writes what zstd allows, and what it does not.
func (g *generator) frames(whole, t taken) {
	half := len(whole.plain) / 2
	two := bytes.Join([][]byte{compress(whole.plain[:half]), compress(whole.plain[half:])}, nil)
	skip := bytes.Join([][]byte{skippable(100), compress(whole.plain), skippable(9)}, nil)
	for _, v := range []struct {
		name, what string
		packed     []byte
	}{{"frames", "zstd of two frames", two}, {"skippable-frame", "a frame to skip before and behind the data", skip}} {
		archive := g.encrypt(v.packed)
		g.variant(v.name, v.what, "", whole, g.describe(whole.m, archive), archive)
	}
	packed := compress(t.plain)
	large := append(bytes.Clone(t.plain), make([]byte, 1<<20)...)
	for _, v := range []struct {
		name, what string
		packed     []byte
	}{
		{"zstd-truncated", "the last frame of zstd is cut", packed[:len(packed)-9]},
		{"zstd-appended", "bytes behind the last frame of zstd", append(bytes.Clone(packed), "more"...)},
		{"zstd-checksum", "another checksum of the content", flipped(packed, len(packed)-1)},
		{"zstd-window", "a window of 128 MiB", compress(large, zstd.WithWindowSize(128<<20))},
		{"uncompressed", "age and tar without zstd", t.plain},
	} {
		archive := g.encrypt(v.packed)
		g.variant(v.name, v.what, "ErrDamaged", t, g.describe(t.m, archive), archive)
	}
}

func flipped(data []byte, at int) []byte {
	data = bytes.Clone(data)
	data[at] ^= 1
	return data
}

// cutAtChunk leaves the first chunk of two.
func (g *generator) cutAtChunk(plain []byte) []byte {
	noise := make([]byte, chunk)
	source := rand.NewChaCha8([32]byte{1})
	_, err := source.Read(noise)
	check(err)
	archive := g.encrypt(compress(append(bytes.Clone(plain), noise...)))
	header := bytes.Index(archive, []byte("\n---"))
	header += bytes.IndexByte(archive[header+1:], '\n') + 2
	return archive[:header+16+chunk]
}

// skippable is a frame that decoders pass over (RFC 8878, 3.1.2).
func skippable(n int) []byte {
	frame := binary.LittleEndian.AppendUint32(nil, 0x184D2A50)
	return append(binary.LittleEndian.AppendUint32(frame, uint32(n)), make([]byte, n)...)
}
