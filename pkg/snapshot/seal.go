package snapshot

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

var (
	// ErrNoIdentity is returned by Fetch when none of the identities opens the
	// archive: it was sealed to others.
	ErrNoIdentity = errors.New("none of the identities opens the archive")
	// ErrNotSealed is returned by Backup, Reseal and Fetch when a stored archive
	// is not an age file, and by the first two also when it is not sealed to as
	// many recipients as it should be.
	ErrNotSealed = errors.New("the stored archive is not an age file")
	// ErrDamaged is returned by Fetch for an archive that cannot be decrypted or
	// decompressed to its end though it is the one that its manifest describes.
	ErrDamaged = errors.New("the archive is damaged")
)

const (
	ageMagic = "age-encryption.org/v1\n"
	// maxWindow is in bytes: what decompression may take of memory.
	maxWindow = 64 << 20
)

// seal writes what fill writes to dst, compressed and encrypted. Compressing
// and encrypting run side by side. age authenticates: zstd needs no checksum.
func seal(dst io.Writer, to *Recipients, fill func(io.Writer) error) error {
	if err := to.check(); err != nil {
		return err
	}
	sealed, err := age.Encrypt(dst, to.keys...)
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	packed, err := zstd.NewWriter(sealed, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2), zstd.WithEncoderCRC(false))
	if err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	if err := fill(packed); err != nil {
		return errors.Join(fmt.Errorf("seal: %w", err), packed.Close())
	}
	if err := packed.Close(); err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	return sealed.Close()
}

// unseal writes the plaintext of src to dst. What it cannot open or read is
// ErrDamaged; whether src itself failed is for the caller to tell.
func unseal(dst io.Writer, with *Identities, src io.Reader) error {
	head := bufio.NewReader(src)
	if magic, err := head.Peek(len(ageMagic)); err != nil || string(magic) != ageMagic {
		return ErrNotSealed
	}
	opened, err := age.Decrypt(head, with.open()...)
	if noMatch := (*age.NoIdentityMatchError)(nil); errors.As(err, &noMatch) {
		return ErrNoIdentity
	}
	if err != nil {
		return fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	packed, err := zstd.NewReader(opened, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return fmt.Errorf("decompress archive: %w", err)
	}
	defer packed.Close()
	if _, err := io.Copy(dst, damageReader{packed}); err != nil {
		return fmt.Errorf("open archive: %w", err)
	}
	return nil
}

// damageReader tells what cannot be read from what cannot be written.
type damageReader struct{ r io.Reader }

func (d damageReader) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	return n, err
}

// sealedTo wants got, read back from a store, to be an age file to as many
// recipients as there are: what holds no less than was written may still have
// been written wrongly.
func sealedTo(got *digest, to *Recipients) error {
	if !got.sealed() {
		return ErrNotSealed
	}
	if n := got.recipients(); n != len(to.keys) {
		return fmt.Errorf("%w to %d recipients: its header names %d", ErrNotSealed, len(to.keys), n)
	}
	return nil
}
