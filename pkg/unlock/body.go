package unlock

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// Formats of the key body, named as swarmkit names them.
const (
	// FormatPKCS1 is SEC 1 (RFC 5915), the form of Docker up to 17.12 and of
	// a downgraded key.
	FormatPKCS1 = "PKCS#1"
	// FormatPKCS8 is the form of Docker from 18.03 on.
	FormatPKCS8 = "PKCS#8"
)

// Types of the PEM block.
const (
	typeSEC1        = "EC PRIVATE KEY"
	typePKCS8       = "PRIVATE KEY"
	typePKCS8Locked = "ENCRYPTED PRIVATE KEY"
)

// openBody returns the private key in clear DER and parsed.
func (f *keyFile) openBody(key Key) ([]byte, crypto.Signer, error) {
	der, err := f.decryptBody(key)
	if err != nil {
		return nil, nil, err
	}
	signer, err := parseSigner(f.format, der)
	if err == nil {
		return der, signer, nil
	}
	if f.bodyLocked() {
		return nil, nil, ErrWrongKey
	}
	return nil, nil, f.bodyError(err.Error())
}

func (f *keyFile) decryptBody(key Key) ([]byte, error) {
	if !f.bodyLocked() {
		return f.block.Bytes, nil
	}
	if f.format == FormatPKCS8 {
		return f.decryptPKCS8(key)
	}
	//nolint:staticcheck // SA1019: the engine's file format is RFC 1423, deprecated or not
	der, err := x509.DecryptPEMBlock(f.block, key.kek())
	if errors.Is(err, x509.IncorrectPasswordError) {
		return nil, ErrWrongKey
	}
	if err != nil {
		return nil, f.bodyError(err.Error())
	}
	return der, nil
}

func (f *keyFile) decryptPKCS8(key Key) ([]byte, error) {
	sealed, err := parsePBES2(f.block.Bytes)
	if err != nil {
		return nil, f.bodyError(err.Error())
	}
	return sealed.open(key.kek())
}

func plainBlock(format string, der []byte) *pem.Block {
	name := typePKCS8
	if format == FormatPKCS1 {
		name = typeSEC1
	}
	return &pem.Block{Type: name, Headers: map[string]string{}, Bytes: der}
}

func lockedBlock(format string, der []byte, key Key) (*pem.Block, error) {
	if format == FormatPKCS8 {
		return lockedPKCS8Block(der, key)
	}
	//nolint:staticcheck // SA1019: the engine's file format is RFC 1423, deprecated or not
	block, err := x509.EncryptPEMBlock(rand.Reader, typeSEC1, der, key.kek(), x509.PEMCipherAES256)
	if err != nil {
		return nil, fmt.Errorf("encrypt key body: %v", err)
	}
	return block, nil
}

func lockedPKCS8Block(der []byte, key Key) (*pem.Block, error) {
	sealed, err := sealPBES2(der, key.kek())
	if err != nil {
		return nil, fmt.Errorf("encrypt key body: %v", err)
	}
	return &pem.Block{Type: typePKCS8Locked, Headers: map[string]string{}, Bytes: sealed}, nil
}

func (f *keyFile) bodyError(what string) *FormatError {
	return &FormatError{Part: "key body", Offset: f.start, What: what}
}
