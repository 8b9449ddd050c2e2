package unlock

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
)

// sec1Key is ECPrivateKey of RFC 5915.
type sec1Key struct {
	Version    int
	PrivateKey []byte
	Curve      asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	PublicKey  asn1.BitString        `asn1:"optional,explicit,tag:1"`
}

// pkcs8Key is PrivateKeyInfo of RFC 5958, without attributes.
type pkcs8Key struct {
	Version    int
	Algorithm  pkix.AlgorithmIdentifier
	PrivateKey []byte
}

func parseSigner(format string, der []byte) (crypto.Signer, error) {
	if format == FormatPKCS1 {
		return parseSEC1(der)
	}
	return parsePKCS8(der)
}

func parseSEC1(der []byte) (crypto.Signer, error) {
	key, err := x509.ParseECPrivateKey(der)
	if err != nil {
		return nil, errors.New("it is no EC private key")
	}
	return key, checkPublicKey(key, der)
}

func parsePKCS8(der []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("it is no PKCS#8 private key")
	}
	if ec, ok := key.(*ecdsa.PrivateKey); ok {
		return ec, checkPKCS8PublicKey(ec, der)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("it is a private key that cannot sign")
	}
	return signer, nil
}

func checkPKCS8PublicKey(key *ecdsa.PrivateKey, der []byte) error {
	var outer pkcs8Key
	if _, err := asn1.Unmarshal(der, &outer); err != nil {
		return errors.New("it is no PKCS#8 private key")
	}
	return checkPublicKey(key, outer.PrivateKey)
}

// checkPublicKey finds damage in a private key, where any bytes are a number:
// crypto/x509 does not compare it with the public key that lies beside it.
func checkPublicKey(key *ecdsa.PrivateKey, der []byte) error {
	var inner sec1Key
	if _, err := asn1.Unmarshal(der, &inner); err != nil {
		return errors.New("it is no EC private key")
	}
	again, err := asn1.Marshal(inner)
	if err != nil || !bytes.Equal(again, der) {
		return errors.New("it has more fields than an EC private key")
	}
	if len(inner.PublicKey.Bytes) == 0 {
		return nil
	}
	point, err := key.PublicKey.Bytes()
	if err != nil || !bytes.Equal(point, inner.PublicKey.Bytes) {
		return errors.New("its private and its public key are no pair")
	}
	return nil
}
