package unlock_test

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"maps"
	"slices"
	"strconv"
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
	for name, n := range engineNodes() {
		if n.kek != nil {
			n.kek = sampleKEK()
		}
		file := newEngineFiles(f, n).file(f)
		opened, err := unlock.OpenNodeKey(file, key)
		if err != nil || opened.Locked() != (n.kek != nil) || opened.DEKs().IsZero() != (n.dek == nil) {
			f.Fatalf("seed %q: %v", name, err)
		}
		f.Add(file)
		seeds++
	}
	if seeds < 16 {
		f.Fatalf("%d seeds", seeds)
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
		inClear, err := encryption.Encrypt([]byte(plain), encryption.NoopCrypter)
		must(f, err)
		for _, record := range [][]byte{inClear, engineRecord(f, []byte(plain), dek, false), engineRecord(f, []byte(plain), dek, true)} {
			got, err := deks.Decrypt(record)
			must(f, err)
			wantBytes(f, "seed", got, []byte(plain))
			f.Add(record)
		}
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

// FuzzHeaders changes what the headers of a node key hold, past PEM and base64.
// What ours opens, swarmkit opens to the same DEKs.
func FuzzHeaders(f *testing.F) {
	kek := sampleKEK()
	locked := engineNode{dek: sampleKEK(), pending: bytes.Repeat([]byte{7}, 32), kek: kek, kekVersion: 12}
	inClear := locked
	inClear.kek = nil
	bodies := [2]*pem.Block{}
	for i, n := range []engineNode{inClear, locked} {
		block, _ := pem.Decode(newEngineFiles(f, n).file(f))
		version, dek, pending := block.Headers["kek-version"], header(f, block, "raft-dek"), header(f, block, "raft-dek-pending")
		if version != "12" || len(dek) < 32 || len(pending) < 32 {
			f.Fatalf("the seed has the headers %q", slices.Collect(maps.Keys(block.Headers)))
		}
		f.Add(i == 1, version, dek, pending)
		f.Add(i == 1, "0", dek, []byte{})
		bodies[i] = &pem.Block{Type: block.Type, Bytes: block.Bytes}
	}
	key, err := unlock.NewKey(kek)
	must(f, err)
	f.Fuzz(func(t *testing.T, locked bool, version string, dek, pending []byte) {
		block := *bodies[0]
		if locked {
			block = *bodies[1]
		}
		block.Headers = map[string]string{
			"kek-version": version, "raft-dek": base64.StdEncoding.EncodeToString(dek),
			"raft-dek-pending": base64.StdEncoding.EncodeToString(pending),
		}
		if len(pending) == 0 {
			delete(block.Headers, "raft-dek-pending")
		}
		file := pem.EncodeToMemory(&block)
		opened, err := unlock.OpenNodeKey(file, key)
		if err != nil {
			checkOpenError(t, err)
			return
		}
		written, _ := pem.Decode(file) // a version with a newline brings headers of its own
		number, err := strconv.ParseUint(written.Headers["kek-version"], 10, 64)
		if err != nil || number != opened.KEKVersion() {
			t.Errorf("kek-version %q was read as %d", version, opened.KEKVersion())
		}
		dek, pending = header(t, written, "raft-dek"), header(t, written, "raft-dek-pending")
		checkDEKs(t, engineNode{dek: engineOpens(t, dek, kek), pending: engineOpens(t, pending, kek)}, opened.DEKs())
	})
}

func header(t testing.TB, block *pem.Block, name string) []byte {
	t.Helper()
	value, err := base64.StdEncoding.DecodeString(block.Headers[name])
	must(t, err)
	return value
}

// engineOpens is what swarmkit manager/deks.go, decodePEMHeaderValue, makes of
// a record, nil of none.
func engineOpens(t *testing.T, record, kek []byte) []byte {
	t.Helper()
	if len(record) == 0 {
		return nil
	}
	_, engine := encryption.Defaults(kek, false)
	plain, err := encryption.Decrypt(record, engine)
	if err != nil {
		plain, err = encryption.Decrypt(record, encryption.NoopCrypter)
	}
	must(t, err)
	return plain
}
