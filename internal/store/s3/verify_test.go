package s3_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/swarmdr/swarmdr/internal/store/s3"
	"pgregory.net/rapid"
)

// composite is what a server keeps of an object in parts.
func composite(data []byte, size int) string {
	sums, n := sha256.New(), 0
	for len(data) > 0 {
		n++
		part := data[:min(len(data), s3.SizeOfPart(n, size))]
		sum := sha256.Sum256(part)
		sums.Write(sum[:])
		data = data[len(part):]
	}
	return fmt.Sprintf("%s-%d", base64.StdEncoding.EncodeToString(sums.Sum(nil)), n)
}

// An object is read to its end, and one that was cut or changed is not, however
// the reads fall; also where the parts grow.
func TestVerifiedReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 9).Draw(t, "part size")
		data := bytes.Repeat([]byte{rapid.Byte().Draw(t, "byte")}, rapid.OneOf(rapid.IntRange(1, 60), rapid.IntRange(990*size, 1020*size)).Draw(t, "size"))
		read := rapid.SampledFrom([]func(io.Reader) io.Reader{iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader, func(r io.Reader) io.Reader { return r }}).Draw(t, "reader")
		at := rapid.IntRange(0, len(data)-1).Draw(t, "at")
		check := func(data []byte, want string) error {
			body := s3.Verified(io.NopCloser(read(bytes.NewReader(data))), want, fmt.Sprint(size), func(int64) bool { return true })
			_, err := io.Copy(io.Discard, body)
			return err
		}
		want := composite(data, size)
		if err := check(data, want); err != nil {
			t.Errorf("whole: %v", err)
		}
		if err := check(data[:at], want); !errors.Is(err, s3.ErrChecksum) {
			t.Errorf("cut at %d: %v", at, err)
		}
		changed := bytes.Clone(data)
		changed[at]++
		if err := check(changed, want); !errors.Is(err, s3.ErrChecksum) {
			t.Errorf("changed at %d: %v", at, err)
		}
	})
}
