package s3

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"io"
	"math"
	"strconv"
	"strings"
)

// ErrChecksum is returned by a reader of Get, in place of io.EOF, when the body
// has not the SHA-256 that the server keeps of the object.
var ErrChecksum = errors.New("the object does not have its checksum")

// partKey is the metadata that holds the size of the first part, in bytes.
const partKey = "Swarmdr-Part"

// verified checks a body against what the server keeps: the SHA-256 of an
// object that was put in one piece; of one in N parts, the SHA-256 of the
// SHA-256 of each, and "-N". An object in parts whose sizes are not known
// cannot be checked; cutInto is asked about the first one when the sums differ.
func verified(body io.ReadCloser, want, partSize string, cutInto func(size int64) bool) io.ReadCloser {
	sum, parts, inParts := strings.Cut(want, "-")
	size, err := strconv.Atoi(partSize)
	if parts == "1" {
		size, err = math.MaxInt, nil
	}
	if inParts && (err != nil || size <= 0) {
		return body
	}
	v := &verifier{ReadCloser: body, want: sum, part: sha256.New(), cutInto: cutInto}
	if inParts {
		v.size, v.all = size, sha256.New()
	}
	return v
}

type verifier struct {
	io.ReadCloser
	want string    // base64
	part hash.Hash // of the part that is being read, or of all
	read int       // bytes of that part
	n    int       // parts before it
	size int       // of the first part; 0 for an object in one piece
	all  hash.Hash // of the parts' sums

	cutInto func(size int64) bool
}

func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	v.add(p[:n])
	if err == io.EOF {
		return n, v.end()
	}
	return n, err
}

func (v *verifier) add(p []byte) {
	for v.size > 0 && v.read+len(p) >= sizeOfPart(v.n+1, v.size) {
		room := sizeOfPart(v.n+1, v.size) - v.read
		v.part.Write(p[:room])
		v.next()
		p = p[room:]
	}
	v.part.Write(p)
	v.read += len(p)
}

func (v *verifier) next() {
	v.all.Write(v.part.Sum(nil))
	v.part.Reset()
	v.read, v.n = 0, v.n+1
}

func (v *verifier) end() error {
	got := v.part.Sum(nil)
	if v.size > 0 {
		if v.read > 0 {
			v.next()
		}
		got = v.all.Sum(nil)
	}
	same := base64.StdEncoding.EncodeToString(got) == v.want
	inParts := v.size > 0 && v.size < math.MaxInt
	if same || inParts && !v.cutInto(int64(v.size)) {
		return io.EOF
	}
	return ErrChecksum
}
