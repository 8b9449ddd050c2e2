package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strings"
)

// maxHeader is in bytes: one recipient takes at most 2.2 KiB.
const maxHeader = maxRecipients * (4 << 10)

// digest counts and hashes what passes, and keeps the header of an age file.
type digest struct {
	hash  hash.Hash
	size  int64
	head  []byte
	whole bool // no more of the header is to come
}

func newDigest() *digest { return &digest{hash: sha256.New()} }

func (d *digest) Write(p []byte) (int, error) {
	if !d.whole {
		d.keep(p)
	}
	d.size += int64(len(p))
	return d.hash.Write(p)
}

// headerEnd is the last line of an age header: "--- MAC".
const headerEnd = "\n---"

func (d *digest) keep(p []byte) {
	d.head = append(d.head, p[:min(len(p), maxHeader-len(d.head))]...)
	start := d.head[:min(len(d.head), len(ageMagic))]
	end := bytes.Index(d.head, []byte(headerEnd))
	if end >= 0 {
		d.head = d.head[:end]
	}
	d.whole = end >= 0 || len(d.head) == maxHeader || !strings.HasPrefix(ageMagic, string(start))
}

func (d *digest) sum() string { return hex.EncodeToString(d.hash.Sum(nil)) }

// sealed says whether what passed began as an age file does.
func (d *digest) sealed() bool { return bytes.HasPrefix(d.head, []byte(ageMagic)) }

// recipients counts the stanzas of the header; 0 for one that does not end.
func (d *digest) recipients() int {
	if !d.whole || !d.sealed() {
		return 0
	}
	return bytes.Count(d.head, []byte("\n-> "))
}
