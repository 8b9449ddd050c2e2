package unlock_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/moby/swarmkit/v2/manager/encryption"

	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// FuzzOpenNodeKey changes files of the engine under one key. What opens must
// survive Strip and Lock.
func FuzzOpenNodeKey(f *testing.F) {
	key, err := unlock.NewKey(sampleKEK())
	must(f, err)
	seeds := 0
	for _, n := range engineNodes() {
		if n.kek != nil {
			n.kek = sampleKEK()
		}
		f.Add(newEngineFiles(f, n).file(f))
		seeds++
	}
	if seeds == 0 {
		f.Fatal("there are no seeds")
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		opened, err := unlock.OpenNodeKey(file, key)
		if err != nil {
			checkOpenError(t, err)
			return
		}
		if _, err := unlock.InspectNodeKey(file); err != nil {
			t.Errorf("InspectNodeKey: %v", err)
		}
		stripped, err := opened.Strip()
		must(t, err)
		checkSameKey(t, stripped, unlock.Key{}, opened)
		locked, err := opened.Lock(key, opened.KEKVersion())
		must(t, err)
		checkSameKey(t, locked, key, opened)
	})
}

func checkOpenError(t *testing.T, err error) {
	t.Helper()
	var format *unlock.FormatError
	switch {
	case errors.As(err, &format):
	case errors.Is(err, unlock.ErrWrongKey):
	default:
		t.Errorf("unexpected error: %v", err)
	}
}

func checkSameKey(t *testing.T, file []byte, key unlock.Key, want *unlock.NodeKey) {
	t.Helper()
	got, err := unlock.OpenNodeKey(file, key)
	must(t, err)
	again, err := got.Strip()
	must(t, err)
	wantStripped, err := want.Strip()
	must(t, err)
	if !want.NeedsRotation() && got.NeedsRotation() {
		return // Lock on a file that was not locked owes a new DEK
	}
	wantBytes(t, "stripped file", again, wantStripped)
}

// FuzzDecrypt holds the reader of records against that of swarmkit: what ours
// opens, swarmkit opens to the same.
func FuzzDecrypt(f *testing.F) {
	dek := sampleKEK()
	deks := engineNode{dek: dek}.opened(f).DEKs()
	_, engine := encryption.Defaults(dek, false)
	for _, plain := range []string{"", "entry", "an entry of more than one block"} {
		record, err := encryption.Encrypt([]byte(plain), encryption.NoopCrypter)
		must(f, err)
		f.Add(record)
		f.Add(engineRecord(f, []byte(plain), dek, false))
		f.Add(engineRecord(f, []byte(plain), dek, true))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		before := bytes.Clone(record)
		plain, err := deks.Decrypt(record)
		wantBytes(t, "record after Decrypt", record, before)
		if err != nil {
			return
		}
		want, err := encryption.Decrypt(record, engine)
		if err != nil {
			want, err = encryption.Decrypt(record, encryption.NoopCrypter)
		}
		must(t, err)
		wantBytes(t, "plain text", plain, want)
	})
}
