package unlock

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"strings"
	"testing"
)

func TestParsePBES2Refuses(t *testing.T) {
	tests := map[string]struct {
		edit func(*encryptedKeyInfo)
		what string
	}{
		"scheme":         {func(i *encryptedKeyInfo) { i.Algorithm.Scheme = oidPBKDF2() }, "not PBES2"},
		"key derivation": {func(i *encryptedKeyInfo) { i.Algorithm.Params.KDF.Function = oidPBES2() }, "not PBKDF2"},
		"cipher":         {func(i *encryptedKeyInfo) { i.Algorithm.Params.Cipher.Algorithm = oidPBES2() }, "not AES-256-CBC"},
		"IV":             {func(i *encryptedKeyInfo) { i.Algorithm.Params.Cipher.IV = make([]byte, 8) }, "IV has 8 bytes"},
		"no rounds":      {func(i *encryptedKeyInfo) { i.Algorithm.Params.KDF.Params.Rounds = 0 }, "0 rounds"},
		"negative":       {func(i *encryptedKeyInfo) { i.Algorithm.Params.KDF.Params.Rounds = -1 }, "-1 rounds"},
		"many rounds":    {func(i *encryptedKeyInfo) { i.Algorithm.Params.KDF.Params.Rounds = 1 << 30 }, "1073741824 rounds"},
		"no data":        {func(i *encryptedKeyInfo) { i.Data = nil }, "no whole blocks"},
		"half a block":   {func(i *encryptedKeyInfo) { i.Data = make([]byte, 24) }, "no whole blocks"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			info := newPBES2(make([]byte, 8), make([]byte, 16))
			info.Data = make([]byte, 32)
			test.edit(info)
			der, err := asn1.Marshal(*info)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parsePBES2(der); err == nil || !strings.Contains(err.Error(), test.what) {
				t.Errorf("got %v, want %q", err, test.what)
			}
		})
	}
}

// An engine knows no PRF but the default and would derive another key.
func TestParsePBES2RefusesMore(t *testing.T) {
	der, err := sealPBES2([]byte("body"), make([]byte, keySize))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parsePBES2(der); err != nil {
		t.Fatal(err)
	}
	if _, err := parsePBES2(append(der, 0)); err == nil {
		t.Error("a byte more is not seen")
	}
}

func TestPadding(t *testing.T) {
	for size := range 50 {
		plain := bytes.Repeat([]byte{16}, size)
		got, err := unpad(pad(plain))
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	for _, last := range [][]byte{{0}, {17}, {1, 2}, {2, 3, 3}} {
		padded := append(make([]byte, 16-len(last)), last...)
		if _, err := unpad(padded); err == nil {
			t.Errorf("padding %v is not refused", last)
		}
	}
}

func TestParseSigner(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		key  any
		good bool
	}{
		"EC":                {ec, true},
		"Ed25519":           {ed, true},
		"X25519 signs none": {x, false},
	} {
		t.Run(name, func(t *testing.T) {
			der, err := x509.MarshalPKCS8PrivateKey(test.key)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parseSigner(FormatPKCS8, der); (err == nil) != test.good {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A public key that is left out is allowed, one that was damaged away is not.
func TestParseSignerWithoutPublicKey(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	var inner sec1Key
	if _, err := asn1.Unmarshal(der, &inner); err != nil {
		t.Fatal(err)
	}
	inner.PublicKey = asn1.BitString{}
	short, err := asn1.Marshal(inner)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseSigner(FormatPKCS1, short); err != nil {
		t.Errorf("no public key: %v", err)
	}
	damaged := bytes.Replace(der, []byte{0xa1, 0x44, 0x03}, []byte{0xa1, 0x44, 0x02}, 1)
	if _, err := parseSigner(FormatPKCS1, damaged); err == nil {
		t.Error("a damaged tag is not seen")
	}
}
