package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// ResealOptions say which snapshot is sealed anew, with what, to whom and where
// to. All are needed but SignedBy, Tool and Progress.
type ResealOptions struct {
	From       Store
	Manifest   *Manifest // of the snapshot in From, as Load returned it
	SignedBy   string    // what Load said of the signer
	With       *Identities
	To         Store // another store, or another prefix of the same
	Recipients *Recipients
	Signer     string
	Tool       string
	ScratchDir string // where the plaintext is held, in a file without a name
	Progress   func(step string)
}

func (o ResealOptions) check() error {
	if err := o.Recipients.check(); err != nil {
		return err
	}
	if o.With == nil {
		return ErrNoIdentity
	}
	_, err := parseSigner(o.Signer)
	return err
}

// Reseal opens a snapshot, checks it as Fetch does, and stores it under the
// same name in another store, sealed to other recipients and signed anew; it
// returns the new manifest. The snapshot in From stays as it is.
//
// On an error no new snapshot is in To: the manifest is written last. What a
// killed run leaves there is an archive without one, as after a killed Backup.
// An object that is in the way is ErrExist, and stays. The other errors are
// those of Fetch and Backup.
func Reseal(ctx context.Context, o ResealOptions) (*Manifest, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if err := o.To.Ready(ctx); err != nil {
		return nil, storeError(o.To, err)
	}
	if err := vacant(ctx, o.To, o.Manifest.Name); err != nil {
		return nil, err
	}
	o.Progress("fetch and open " + string(o.Manifest.Name))
	opened, err := Fetch(ctx, o.From, o.Manifest, o.With, o.ScratchDir)
	if err != nil {
		return nil, err
	}
	m, err := resealTo(ctx, o, opened.file)
	return m, errors.Join(err, opened.Close())
}

// vacant is ErrExist if there is an object of this snapshot in the store.
func vacant(ctx context.Context, s Store, name Name) error {
	for _, object := range []string{name.Manifest(), name.Archive()} {
		r, err := s.Get(ctx, object)
		if errors.Is(err, ErrNotExist) {
			continue
		}
		if err == nil {
			err = errors.Join(ErrExist, r.Close())
		}
		return storeError(s, fmt.Errorf("%s: %w", object, err))
	}
	return nil
}

func resealTo(ctx context.Context, o ResealOptions, plain *os.File) (*Manifest, error) {
	m := *o.Manifest
	m.Recipients = o.Recipients.Names()
	m.Resealed = &Resealed{At: time.Now().UTC().Truncate(time.Millisecond), SealedSHA256: m.SealedSHA256, SignedBy: o.SignedBy}
	if o.Tool != "" {
		m.Tool = o.Tool
	}
	d := &deposit{o.To, &m, o.Recipients, o.Signer, o.Progress}
	err := d.put(ctx, func(w io.Writer) error {
		if _, err := plain.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := io.CopyBuffer(w, plain, make([]byte, copyBuffer))
		return err
	})
	if err != nil {
		return nil, err
	}
	return &m, nil
}
