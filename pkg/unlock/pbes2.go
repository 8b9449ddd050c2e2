package unlock

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1"
	"encoding/asn1"
	"errors"
	"fmt"
)

// What every engine writes (swarmkit ca/pkcs8/pkcs8.go), and a bound on the
// work that a foreign file can ask for.
const (
	pbes2Rounds    = 2048
	pbes2MaxRounds = 1 << 17
	pbes2SaltSize  = 8
)

// encryptedKeyInfo is EncryptedPrivateKeyInfo of RFC 5958 with PBES2, PBKDF2
// and a cipher in CBC mode (RFC 8018, appendix A).
type encryptedKeyInfo struct {
	Algorithm struct {
		Scheme asn1.ObjectIdentifier
		Params pbes2Params
	}
	Data []byte
}

type pbes2Params struct {
	KDF struct {
		Function asn1.ObjectIdentifier
		Params   struct {
			Salt   []byte
			Rounds int
		}
	}
	Cipher struct {
		Algorithm asn1.ObjectIdentifier
		IV        []byte
	}
}

func oidPBES2() asn1.ObjectIdentifier  { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13} }
func oidPBKDF2() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12} }
func oidAES256CBC() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 1, 42}
}

// parsePBES2 refuses all that no engine writes; encoding/asn1 would skip what
// it does not know, an explicit PRF for example.
func parsePBES2(der []byte) (*encryptedKeyInfo, error) {
	info := &encryptedKeyInfo{}
	if _, err := asn1.Unmarshal(der, info); err != nil {
		return nil, errors.New("it is no PBES2 key with PBKDF2 and AES-256-CBC")
	}
	again, err := asn1.Marshal(*info)
	if err != nil || !bytes.Equal(again, der) {
		return nil, errors.New("it has more parameters than PBES2 keys of an engine")
	}
	return info, info.check()
}

func (i *encryptedKeyInfo) check() error {
	params := i.Algorithm.Params
	rounds := params.KDF.Params.Rounds
	switch {
	case !i.Algorithm.Scheme.Equal(oidPBES2()):
		return errors.New("its encryption is not PBES2")
	case !params.KDF.Function.Equal(oidPBKDF2()):
		return errors.New("its key derivation is not PBKDF2")
	case !params.Cipher.Algorithm.Equal(oidAES256CBC()):
		return errors.New("its cipher is not AES-256-CBC")
	case len(params.Cipher.IV) != aes.BlockSize:
		return fmt.Errorf("its IV has %d bytes, not %d", len(params.Cipher.IV), aes.BlockSize)
	case rounds < 1 || rounds > pbes2MaxRounds:
		return fmt.Errorf("it asks for %d rounds of PBKDF2, the limit is %d", rounds, pbes2MaxRounds)
	case len(i.Data) == 0 || len(i.Data)%aes.BlockSize != 0:
		return fmt.Errorf("its %d bytes are no whole blocks", len(i.Data))
	}
	return nil
}

func (i *encryptedKeyInfo) cipher(password []byte) (cipher.Block, error) {
	kdf := i.Algorithm.Params.KDF.Params
	key, err := pbkdf2.Key(sha1.New, string(password), kdf.Salt, kdf.Rounds, keySize)
	if err != nil {
		return nil, err
	}
	return aes.NewCipher(key)
}

// open returns ErrWrongKey for a wrong padding. There is no MAC: one wrong
// password in 256 gives bytes that are no key.
func (i *encryptedKeyInfo) open(password []byte) ([]byte, error) {
	block, err := i.cipher(password)
	if err != nil {
		return nil, fmt.Errorf("derive key of the body: %v", err)
	}
	plain := make([]byte, len(i.Data))
	cipher.NewCBCDecrypter(block, i.Algorithm.Params.Cipher.IV).CryptBlocks(plain, i.Data)
	return unpad(plain)
}

func sealPBES2(der, password []byte) ([]byte, error) {
	info := newPBES2(randomBytes(pbes2SaltSize), randomBytes(aes.BlockSize))
	block, err := info.cipher(password)
	if err != nil {
		return nil, err
	}
	info.Data = pad(der)
	cipher.NewCBCEncrypter(block, info.Algorithm.Params.Cipher.IV).CryptBlocks(info.Data, info.Data)
	return asn1.Marshal(*info)
}

func newPBES2(salt, iv []byte) *encryptedKeyInfo {
	info := &encryptedKeyInfo{}
	info.Algorithm.Scheme = oidPBES2()
	info.Algorithm.Params.KDF.Function = oidPBKDF2()
	info.Algorithm.Params.KDF.Params.Salt = salt
	info.Algorithm.Params.KDF.Params.Rounds = pbes2Rounds
	info.Algorithm.Params.Cipher.Algorithm = oidAES256CBC()
	info.Algorithm.Params.Cipher.IV = iv
	return info
}

func pad(plain []byte) []byte {
	n := aes.BlockSize - len(plain)%aes.BlockSize
	return append(bytes.Clone(plain), bytes.Repeat([]byte{byte(n)}, n)...)
}

func unpad(padded []byte) ([]byte, error) {
	n := int(padded[len(padded)-1])
	if n < 1 || n > aes.BlockSize {
		return nil, ErrWrongKey
	}
	plain := padded[:len(padded)-n]
	if !bytes.Equal(padded[len(plain):], bytes.Repeat([]byte{byte(n)}, n)) {
		return nil, ErrWrongKey
	}
	return plain, nil
}
