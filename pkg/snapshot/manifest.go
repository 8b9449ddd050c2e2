package snapshot

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// FormatVersion is that of the manifests this package writes.
const FormatVersion = 1

var (
	// ErrNewerFormat is returned by Load and OpenManifest for a manifest that a
	// newer swarmdr wrote.
	ErrNewerFormat = errors.New("written by a newer swarmdr")
	// ErrUntrusted is returned by Load and OpenManifest when none of the
	// trusted signers signed the manifest, or its text is not what they signed.
	ErrUntrusted = errors.New("not signed by a trusted signer")
	// ErrMalformed is returned by Load and OpenManifest for what is no
	// manifest, or one that lacks what it must tell.
	ErrMalformed = errors.New("malformed manifest")
	// ErrBadVerifier is returned by Load, OpenManifest and CheckVerifiers for
	// what is no verifier: a mistake in the configuration, not in the store.
	ErrBadVerifier = errors.New("malformed trusted signer")
)

// Manifest describes a snapshot. It holds no secrets.
type Manifest struct {
	Format  int       `json:"format"`
	Name    Name      `json:"name"`
	Created time.Time `json:"created"`
	Tool    string    `json:"tool"`

	Mode     Mode   `json:"mode"`
	DownMS   int64  `json:"down_ms"`
	Hostname string `json:"hostname,omitempty"`
	Engine   string `json:"engine,omitempty"`

	Contents Contents `json:"contents"`
	Files    []File   `json:"files"`

	SealedSize   int64    `json:"sealed_size"`
	SealedSHA256 string   `json:"sealed_sha256"`
	Recipients   []string `json:"recipients"`

	Resealed *Resealed `json:"resealed,omitempty"`
}

// Resealed tells what a snapshot was sealed anew from: when, the digest of that
// archive, and the name of who signed its manifest, empty if nobody checked.
type Resealed struct {
	At           time.Time `json:"at"`
	SealedSHA256 string    `json:"sealed_sha256"`
	SignedBy     string    `json:"signed_by,omitempty"`
}

// File is one file of the archive. Size is that in the archive; Apparent is
// that on the manager when it is larger: the zeros of a preallocated WAL
// segment are left out.
type File struct {
	Path     string `json:"path"`
	Mode     string `json:"mode"`
	Size     int64  `json:"size"`
	Apparent int64  `json:"apparent,omitempty"`
	SHA256   string `json:"sha256"`
}

// Mode is how the directory was copied.
type Mode string

// Cold copies a stopped manager, Hot a running one.
const (
	Cold Mode = "cold"
	Hot  Mode = "hot"
)

// GenerateSigner makes an Ed25519 key pair in the form of
// golang.org/x/mod/sumdb/note: the signer stays on the manager, the verifier
// is given to those who check.
func GenerateSigner(name string) (signer, verifier string, err error) {
	signer, verifier, err = note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", "", fmt.Errorf("generate signing key: %w", err)
	}
	return signer, verifier, nil
}

// parseSigner shows nothing of a malformed key.
func parseSigner(signer string) (note.Signer, error) {
	s, err := note.NewSigner(signer)
	if err != nil {
		return nil, errors.New("parse signing key: malformed")
	}
	return s, nil
}

// SignManifest encodes m as an indented JSON text signed as a note.
func SignManifest(m *Manifest, signer string) ([]byte, error) {
	s, err := parseSigner(signer)
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	signed, err := note.Sign(&note.Note{Text: string(text) + "\n"}, s)
	if err != nil {
		return nil, fmt.Errorf("sign manifest: %w", err)
	}
	return signed, nil
}

// OpenManifest checks the signature against the trusted verifiers and decodes
// the manifest. Without any verifier the signature is not checked and signedBy
// is empty.
func OpenManifest(data []byte, trusted []string) (m *Manifest, signedBy string, err error) {
	verifiers, err := parseVerifiers(trusted)
	if err != nil {
		return nil, "", err
	}
	n, err := note.Open(data, note.VerifierList(verifiers...))
	unverified, invalid := (*note.UnverifiedNoteError)(nil), (*note.InvalidSignatureError)(nil)
	switch {
	case err == nil:
		signedBy = n.Sigs[0].Name
	case errors.As(err, &unverified) && len(trusted) == 0:
		n = unverified.Note
	case errors.As(err, &unverified):
		return nil, "", ErrUntrusted
	case errors.As(err, &invalid):
		return nil, "", fmt.Errorf("%w: the text is not what %s signed", ErrUntrusted, invalid.Name)
	default:
		return nil, "", fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	m, err = decodeManifest([]byte(n.Text))
	return m, signedBy, err
}

func parseVerifiers(trusted []string) ([]note.Verifier, error) {
	var verifiers []note.Verifier
	for i, key := range trusted {
		v, err := note.NewVerifier(key)
		if err != nil {
			return nil, fmt.Errorf("%w %d: %v", ErrBadVerifier, i+1, err)
		}
		verifiers = append(verifiers, v)
	}
	return verifiers, nil
}

// CheckVerifiers refuses with ErrBadVerifier what OpenManifest would refuse,
// before anything is fetched.
func CheckVerifiers(trusted []string) error {
	_, err := parseVerifiers(trusted)
	return err
}

func decodeManifest(text []byte) (*Manifest, error) {
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if version.Format > FormatVersion {
		return nil, fmt.Errorf("manifest format %d: %w", version.Format, ErrNewerFormat)
	}
	if version.Format < 1 {
		return nil, fmt.Errorf("%w: no format version", ErrMalformed)
	}
	m := &Manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if err := m.validate(); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	return m, nil
}

// validate wants what a reader relies on to be there.
func (m *Manifest) validate() error {
	if _, err := ParseName(string(m.Name)); err != nil {
		return err
	}
	if m.Contents.ClusterID != m.Name.Cluster() || m.Contents.NodeID != m.Name.Node() {
		return fmt.Errorf("the name is not that of cluster %q, node %q", m.Contents.ClusterID, m.Contents.NodeID)
	}
	if m.SealedSize < 1 || !isSHA256(m.SealedSHA256) {
		return errors.New("no size or no digest of the archive")
	}
	if len(m.Files) == 0 {
		return errors.New("no files")
	}
	for i, f := range m.Files {
		if !fs.ValidPath(f.Path) || f.Size < 0 || !isSHA256(f.SHA256) {
			return fmt.Errorf("file %d: no path, no size or no digest", i+1)
		}
	}
	return nil
}

func isSHA256(text string) bool {
	sum, err := hex.DecodeString(text)
	return err == nil && len(sum) == sha256.Size && strings.ToLower(text) == text
}
