package unlock_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/manager/encryption"

	"github.com/swarmdr/swarmdr/pkg/unlock"
)

func (n engineNode) opened(t testing.TB) *unlock.NodeKey {
	t.Helper()
	key, err := unlock.OpenNodeKey(newEngineFiles(t, n).file(t), n.unlockKey(t))
	must(t, err)
	return key
}

func engineRecord(t testing.TB, plain, dek []byte, fips bool) []byte {
	t.Helper()
	encrypter, _ := encryption.Defaults(dek, fips)
	record, err := encryption.Encrypt(plain, encrypter)
	must(t, err)
	return record
}

func TestDecrypt(t *testing.T) {
	dek, pending, other := encryption.GenerateSecretKey(), encryption.GenerateSecretKey(), encryption.GenerateSecretKey()
	one := engineNode{dek: dek}.opened(t).DEKs()
	both := engineNode{dek: dek, pending: pending}.opened(t).DEKs()
	none := unlock.DEKSet{}
	clearRecord, err := encryption.Encrypt([]byte("in clear"), encryption.NoopCrypter)
	must(t, err)

	tests := map[string]struct {
		deks   unlock.DEKSet
		record []byte
		plain  string
		err    error
	}{
		"secretbox":             {one, engineRecord(t, []byte("entry"), dek, false), "entry", nil},
		"Fernet":                {one, engineRecord(t, []byte("entry"), dek, true), "entry", nil},
		"empty secretbox":       {one, engineRecord(t, nil, dek, false), "", nil},
		"empty Fernet":          {one, engineRecord(t, nil, dek, true), "", nil},
		"in clear":              {one, clearRecord, "in clear", nil},
		"in clear, no DEK":      {none, clearRecord, "in clear", nil},
		"no bytes":              {one, nil, "", nil},
		"current of two":        {both, engineRecord(t, []byte("entry"), dek, false), "entry", nil},
		"pending of two":        {both, engineRecord(t, []byte("entry"), pending, false), "entry", nil},
		"pending Fernet of two": {both, engineRecord(t, []byte("entry"), pending, true), "entry", nil},
		"other DEK":             {both, engineRecord(t, []byte("entry"), other, false), "", unlock.ErrCannotDecrypt},
		"other DEK, Fernet":     {both, engineRecord(t, []byte("entry"), other, true), "", unlock.ErrCannotDecrypt},
		"pending without it":    {one, engineRecord(t, []byte("entry"), pending, false), "", unlock.ErrCannotDecrypt},
		"no DEK":                {none, engineRecord(t, []byte("entry"), dek, false), "", unlock.ErrCannotDecrypt},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			plain, err := test.deks.Decrypt(test.record)
			if !errors.Is(err, test.err) {
				t.Fatalf("got %v, want %v", err, test.err)
			}
			if string(plain) != test.plain {
				t.Errorf("%d bytes of plain text differ", len(plain))
			}
		})
	}
}

func TestDEKSetLen(t *testing.T) {
	dek := encryption.GenerateSecretKey()
	for want, deks := range []unlock.DEKSet{
		{},
		engineNode{dek: dek}.opened(t).DEKs(),
		engineNode{dek: dek, pending: dek}.opened(t).DEKs(),
	} {
		if deks.Len() != want || deks.IsZero() != (want == 0) || deks.HasPending() != (want == 2) {
			t.Errorf("set of %d: Len %d, IsZero %v, HasPending %v", want, deks.Len(), deks.IsZero(), deks.HasPending())
		}
	}
}

// Ours must be read by the engine of the mode, with the current DEK alone.
func TestEncrypt(t *testing.T) {
	dek, pending, kek := encryption.GenerateSecretKey(), encryption.GenerateSecretKey(), encryption.GenerateSecretKey()
	unlocked := engineNode{dek: dek, pending: pending}.opened(t)
	fips := engineNode{dek: dek, pending: pending, kek: kek, fips: true}.opened(t)
	tests := map[string]struct {
		deks unlock.DEKSet
		fips bool
	}{
		"secretbox":        {unlocked.DEKs(), false},
		"Fernet":           {fips.DEKs(), true},
		"Fernet by choice": {unlocked.ForFIPS().DEKs(), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, decrypter := encryption.Defaults(dek, test.fips)
			for _, size := range []int{0, 1, 15, 16, 17, 1000, 1 << 20} {
				want := bytes.Repeat([]byte{'x'}, size)
				record, err := test.deks.Encrypt(want)
				must(t, err)
				got, err := encryption.Decrypt(record, decrypter)
				must(t, err)
				wantBytes(t, "swarmkit", got, want)
				got, err = test.deks.Decrypt(record)
				must(t, err)
				wantBytes(t, "Decrypt", got, want)
			}
		})
	}
}

func TestEncryptIsNeverTheSame(t *testing.T) {
	deks := engineNode{dek: encryption.GenerateSecretKey()}.opened(t).DEKs()
	one, err := deks.Encrypt([]byte("entry"))
	must(t, err)
	two, err := deks.Encrypt([]byte("entry"))
	must(t, err)
	if bytes.Equal(one, two) {
		t.Error("two records have one nonce")
	}
}

func TestEncryptWithoutDEK(t *testing.T) {
	if _, err := (unlock.DEKSet{}).Encrypt([]byte("entry")); !errors.Is(err, unlock.ErrNoDEK) {
		t.Errorf("got %v, want ErrNoDEK", err)
	}
}

func TestDecryptMalformed(t *testing.T) {
	dek := encryption.GenerateSecretKey()
	deks := engineNode{dek: dek}.opened(t).DEKs()
	good := engineRecord(t, []byte("entry"), dek, false)
	marshal := func(r api.MaybeEncryptedRecord) []byte {
		record, err := r.Marshal()
		must(t, err)
		return record
	}
	tests := map[string]struct {
		record []byte
		what   string
	}{
		"text":                 {[]byte("hello"), "no MaybeEncryptedRecord"},
		"cut":                  {good[:len(good)-1], "no MaybeEncryptedRecord"},
		"tag alone":            {[]byte{0x08}, "no MaybeEncryptedRecord"},
		"length beyond":        {[]byte{0x12, 0xff, 0xff, 0xff, 0xff, 0x0f, 'x'}, "no MaybeEncryptedRecord"},
		"length of 2^64-1":     {[]byte{0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, "no MaybeEncryptedRecord"},
		"endless number":       {bytes.Repeat([]byte{0x80}, 20), "no MaybeEncryptedRecord"},
		"unknown field":        {append(bytes.Clone(good), 0x22, 0x00), "no MaybeEncryptedRecord"},
		"fields again":         {append(bytes.Clone(good), good...), "no MaybeEncryptedRecord"},
		"field twice":          {[]byte{0x12, 0x01, 'a', 0x12, 0x01, 'b'}, "no MaybeEncryptedRecord"},
		"wrong wire type":      {[]byte{0x0a, 0x01, 0x01}, "no MaybeEncryptedRecord"},
		"unknown algorithm":    {[]byte{0x08, 0x03}, "algorithm 3 is unknown"},
		"huge algorithm":       {[]byte{0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, "is unknown"},
		"no nonce":             {marshal(api.MaybeEncryptedRecord{Algorithm: 1, Data: make([]byte, 20)}), "nonce has 0 bytes"},
		"short nonce":          {marshal(api.MaybeEncryptedRecord{Algorithm: 1, Data: make([]byte, 20), Nonce: make([]byte, 23)}), "nonce has 23 bytes"},
		"no data":              {marshal(api.MaybeEncryptedRecord{Algorithm: 1, Nonce: make([]byte, 24)}), "data has 0 bytes"},
		"Fernet, no data":      {marshal(api.MaybeEncryptedRecord{Algorithm: 2}), "no Fernet token"},
		"Fernet, no base64":    {marshal(api.MaybeEncryptedRecord{Algorithm: 2, Data: []byte("***")}), "no base64"},
		"Fernet, no payload":   {marshal(api.MaybeEncryptedRecord{Algorithm: 2, Data: fernetToken(dek, 0)}), "no Fernet token"},
		"Fernet, half a block": {marshal(api.MaybeEncryptedRecord{Algorithm: 2, Data: fernetToken(dek, 8)}), "no Fernet token"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := deks.Decrypt(test.record)
			var format *unlock.FormatError
			if !errors.As(err, &format) {
				t.Fatalf("got %v, want a *FormatError", err)
			}
			if format.Part != "record" || !strings.Contains(format.What, test.what) {
				t.Errorf("got %q: %q, want %q", format.Part, format.What, test.what)
			}
		})
	}
}

// fernetToken is authentic whatever the size of its payload: on one without
// payload the library would panic.
func fernetToken(key []byte, payload int) []byte {
	token := append([]byte{0x80}, make([]byte, 8+16+payload)...)
	mac := hmac.New(sha256.New, key[:16])
	mac.Write(token)
	return []byte(base64.URLEncoding.EncodeToString(mac.Sum(token)))
}

func TestDecryptEveryByteDamaged(t *testing.T) {
	dek := encryption.GenerateSecretKey()
	deks := engineNode{dek: dek}.opened(t).DEKs()
	for _, fips := range []bool{false, true} {
		record := engineRecord(t, []byte("entry"), dek, fips)
		for i := range record {
			damaged := bytes.Clone(record)
			damaged[i] ^= 0x10
			_, err := deks.Decrypt(damaged)
			var format *unlock.FormatError
			if !errors.Is(err, unlock.ErrCannotDecrypt) && !errors.As(err, &format) {
				t.Errorf("byte %d (FIPS %v): %v", i, fips, err)
			}
		}
	}
}

func TestDecryptCopies(t *testing.T) {
	record, err := encryption.Encrypt([]byte("in clear"), encryption.NoopCrypter)
	must(t, err)
	plain, err := unlock.DEKSet{}.Decrypt(record)
	must(t, err)
	clear(record)
	wantBytes(t, "Decrypt", plain, []byte("in clear"))
}

func BenchmarkDecrypt(b *testing.B) {
	dek := encryption.GenerateSecretKey()
	record := engineRecord(b, make([]byte, 1000), dek, false)
	deks := engineNode{dek: dek}.opened(b).DEKs()
	b.SetBytes(int64(len(record)))
	for b.Loop() {
		if _, err := deks.Decrypt(record); err != nil {
			b.Fatal(err)
		}
	}
}
