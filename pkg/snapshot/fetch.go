package snapshot

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/swarmdr/swarmdr/internal/durable"
)

// ErrAmbiguous is returned by Find when several snapshots match.
var ErrAmbiguous = errors.New("several snapshots match")

// maxManifest bounds what is read as a manifest, in bytes.
const maxManifest = 16 << 20

// Find resolves what a person typed: "latest", a whole name, or a part of one
// that occurs in no other. Errors are ErrAmbiguous, ErrNotExist, and those of
// the store.
func Find(ctx context.Context, s Store, ref string) (Name, error) {
	names, err := List(ctx, s, "")
	if err != nil {
		return "", err
	}
	if ref == "latest" {
		return latest(names, s)
	}
	matches := slices.DeleteFunc(names, func(n Name) bool { return ref == "" || !strings.Contains(string(n), ref) })
	switch {
	case len(matches) == 1, len(matches) > 1 && slices.Contains(matches, Name(ref)):
		return matches[max(0, slices.Index(matches, Name(ref)))], nil
	case len(matches) > 1:
		return "", fmt.Errorf("%d snapshots match %q: %w", len(matches), ref, ErrAmbiguous)
	}
	return "", fmt.Errorf("%q in %s: %w", ref, s.URL(), ErrNotExist)
}

func latest(names []Name, s Store) (Name, error) {
	if len(names) == 0 {
		return "", fmt.Errorf("%s is empty: %w", s.URL(), ErrNotExist)
	}
	return slices.MaxFunc(names, func(a, b Name) int { return a.Time().Compare(b.Time()) }), nil
}

// Load reads the manifest of name and checks its signature as OpenManifest
// does, with its errors. ErrNotExist says that there is none, ErrMismatch that
// it is the manifest of another snapshot.
func Load(ctx context.Context, s Store, name Name, trusted []string) (m *Manifest, signedBy string, err error) {
	signed, err := readManifest(ctx, s, name)
	if err != nil {
		return nil, "", err
	}
	return openNamed(name, signed, trusted)
}

// readManifest returns the manifest of name as it is stored, signature and all.
func readManifest(ctx context.Context, s Store, name Name) ([]byte, error) {
	r, err := s.Get(ctx, name.Manifest())
	if err != nil {
		return nil, storeError(s, err)
	}
	data, err := io.ReadAll(io.LimitReader(r, maxManifest))
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, storeError(s, err)
	}
	return data, nil
}

// openNamed is OpenManifest of what is stored as the manifest of name.
func openNamed(name Name, signed []byte, trusted []string) (m *Manifest, signedBy string, err error) {
	m, signedBy, err = OpenManifest(signed, trusted)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", name.Manifest(), err)
	}
	if m.Name != name {
		return nil, "", fmt.Errorf("%s: the manifest is that of %s: %w", name.Manifest(), m.Name, ErrMismatch)
	}
	return m, signedBy, nil
}

// ErrDigest is returned by Check and Fetch when the stored archive is not the
// one that the manifest describes.
var ErrDigest = errors.New("the archive is not the one that the manifest describes")

// Check reads the stored archive and compares size and digest with m. It needs
// no identity. Errors are ErrDigest, ErrNotSealed, and those of the store.
func Check(ctx context.Context, s Store, m *Manifest) error {
	got, err := hashObject(ctx, s, m.Name.Archive())
	if err != nil {
		return storeError(s, err)
	}
	return sameDigest(m, got)
}

func sameDigest(m *Manifest, got *digest) error {
	if !got.sealed() {
		return fmt.Errorf("%s: %w", m.Name.Archive(), ErrNotSealed)
	}
	if got.size != m.SealedSize || got.sum() != m.SealedSHA256 {
		return fmt.Errorf("%s: %w", m.Name.Archive(), ErrDigest)
	}
	return nil
}

// Opened is a fetched and opened snapshot. Close frees its plaintext.
type Opened struct {
	*Archive
	file *os.File
}

// Close frees the plaintext.
func (o *Opened) Close() error { return o.file.Close() }

// Fetch gets the archive of m, checks its digest and opens it. The plaintext
// is held in a file without a name in scratchDir: nothing is left of it when
// the process ends.
//
// Errors are ErrDigest and ErrNotSealed for an archive that is not the one that
// was stored, ErrNoIdentity, ErrNotArchive, and those of the store and of
// scratchDir.
func Fetch(ctx context.Context, s Store, m *Manifest, with *Identities, scratchDir string) (*Opened, error) {
	scratch, err := durable.Scratch(scratchDir)
	if err != nil {
		return nil, err
	}
	archive, err := fetch(ctx, s, m, with, scratch)
	if err != nil {
		return nil, errors.Join(err, scratch.Close())
	}
	return &Opened{archive, scratch}, nil
}

func fetch(ctx context.Context, s Store, m *Manifest, with *Identities, scratch *os.File) (*Archive, error) {
	if err := download(ctx, s, m, with, scratch); err != nil {
		return nil, err
	}
	size, err := scratch.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	archive, err := OpenArchive(scratch, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name.Archive(), err)
	}
	if err := archive.matches(m.Files); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name.Archive(), err)
	}
	return archive, nil
}

// download unseals into scratch. The digest is taken of the whole object, also
// where unsealing fails: damage is told as what it is, not as a wrong identity.
func download(ctx context.Context, s Store, m *Manifest, with *Identities, scratch io.Writer) error {
	r, err := s.Get(ctx, m.Name.Archive())
	if err != nil {
		return storeError(s, err)
	}
	defer r.Close()
	got := newDigest()
	src := io.TeeReader(r, got)
	unsealed := unseal(&limitedWriter{scratch, maxPlaintext(m)}, with, src)
	if _, err := io.Copy(io.Discard, src); err != nil {
		return storeError(s, err)
	}
	if err := sameDigest(m, got); err != nil {
		return err
	}
	if unsealed != nil {
		return fmt.Errorf("%s: %w", m.Name.Archive(), unsealed)
	}
	return nil
}

// maxPlaintext bounds the size of the archive that m describes: whoever can
// write the store can seal anything to a public key.
func maxPlaintext(m *Manifest) int64 {
	const header, rest = 4 << 10, 1 << 20 // of a file; of directories and the end
	limit := int64(rest)
	for _, f := range m.Files {
		limit += max(0, f.Size) + header
	}
	return limit
}

// limitedWriter refuses what goes beyond left bytes with ErrDigest.
type limitedWriter struct {
	w    io.Writer
	left int64
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if l.left -= int64(len(p)); l.left < 0 {
		return 0, fmt.Errorf("larger than its files: %w", ErrDigest)
	}
	return l.w.Write(p)
}

// matches compares every file of the archive with the manifest's digest.
func (a *Archive) matches(files []File) error {
	if n := a.fileCount(); n != len(files) {
		return fmt.Errorf("%d files of %d: %w", n, len(files), ErrDigest)
	}
	for _, want := range files {
		got, err := a.hash(want.Path)
		if err != nil {
			return fmt.Errorf("%s: %w: %w", want.Path, ErrDigest, err)
		}
		if got.sum() != want.SHA256 || got.size != want.Size {
			return fmt.Errorf("%s: %w", want.Path, ErrDigest)
		}
	}
	return nil
}

func (a *Archive) fileCount() int {
	n := 0
	for _, node := range a.nodes {
		if node.header.Typeflag == tar.TypeReg {
			n++
		}
	}
	return n
}

func (a *Archive) hash(name string) (*digest, error) {
	f, err := a.Open(name)
	if err != nil {
		return nil, err
	}
	got := newDigest()
	_, err = io.Copy(got, f)
	return got, errors.Join(err, f.Close())
}
