package unlock_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/moby/swarmkit/v2/ca"
	"github.com/moby/swarmkit/v2/manager"
	"github.com/moby/swarmkit/v2/manager/encryption"

	"github.com/swarmdr/swarmdr/pkg/unlock"
)

func TestOpenNodeKey(t *testing.T) {
	for name, n := range engineNodes() {
		t.Run(name, func(t *testing.T) {
			engine := newEngineFiles(t, n)
			key, err := unlock.OpenNodeKey(engine.file(t), n.unlockKey(t))
			must(t, err)
			checkOpened(t, n, key)
			public, err := key.PublicKey()
			must(t, err)
			if !engine.key.PublicKey.Equal(public) || !engine.key.Equal(key.Signer()) {
				t.Error("another private key was read")
			}
		})
	}
}

func checkOpened(t *testing.T, n engineNode, key *unlock.NodeKey) {
	t.Helper()
	if key.Locked() != (n.kek != nil) {
		t.Errorf("Locked() = %v", key.Locked())
	}
	if key.KEKVersion() != n.kekVersion {
		t.Errorf("KEKVersion() = %d, want %d", key.KEKVersion(), n.kekVersion)
	}
	if key.NeedsRotation() != n.needsRotation {
		t.Errorf("NeedsRotation() = %v", key.NeedsRotation())
	}
	checkDEKs(t, n, key.DEKs())
}

func checkDEKs(t *testing.T, n engineNode, deks unlock.DEKSet) {
	t.Helper()
	if deks.IsZero() != (n.dek == nil) || deks.HasPending() != (n.pending != nil) {
		t.Errorf("IsZero() = %v, HasPending() = %v", deks.IsZero(), deks.HasPending())
	}
	for _, dek := range [][]byte{n.dek, n.pending} {
		if dek == nil {
			continue
		}
		encrypter, _ := encryption.Defaults(dek, n.fips)
		record, err := encryption.Encrypt([]byte("an entry"), encrypter)
		must(t, err)
		plain, err := deks.Decrypt(record)
		must(t, err)
		wantBytes(t, "Decrypt", plain, []byte("an entry"))
	}
}

func TestInspectNodeKey(t *testing.T) {
	for name, n := range engineNodes() {
		t.Run(name, func(t *testing.T) {
			got, err := unlock.InspectNodeKey(newEngineFiles(t, n).file(t))
			must(t, err)
			want := unlock.Info{
				Locked:        n.kek != nil,
				KEKVersion:    n.kekVersion,
				Format:        n.format(),
				HasDEK:        n.dek != nil,
				HasPendingDEK: n.pending != nil,
				NeedsRotation: n.needsRotation,
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestOpenNodeKeyWithoutTheKey(t *testing.T) {
	other, err := unlock.GenerateKey()
	must(t, err)
	for name, n := range engineNodes() {
		t.Run(name, func(t *testing.T) {
			file := newEngineFiles(t, n).file(t)
			var wantNone, wantOther error
			if n.kek != nil {
				wantNone, wantOther = unlock.ErrLocked, unlock.ErrWrongKey
			}
			if _, err := unlock.OpenNodeKey(file, unlock.Key{}); !errors.Is(err, wantNone) {
				t.Errorf("no key: %v, want %v", err, wantNone)
			}
			if _, err := unlock.OpenNodeKey(file, other); !errors.Is(err, wantOther) {
				t.Errorf("other key: %v, want %v", err, wantOther)
			}
		})
	}
}

// A body in CBC mode has no MAC: one key in 256 makes the padding right.
func TestOpenNodeKeyManyWrongKeys(t *testing.T) {
	for _, pkcs1 := range []bool{true, false} {
		n := engineNode{kek: encryption.GenerateSecretKey(), pkcs1: pkcs1}
		file := newEngineFiles(t, n).file(t)
		for range 1000 {
			other, err := unlock.GenerateKey()
			must(t, err)
			if _, err := unlock.OpenNodeKey(file, other); !errors.Is(err, unlock.ErrWrongKey) {
				t.Fatalf("%s: %v, want ErrWrongKey", n.format(), err)
			}
		}
	}
}

func TestStrip(t *testing.T) {
	for name, n := range engineNodes() {
		t.Run(name, func(t *testing.T) {
			engine := newEngineFiles(t, n)
			key, err := unlock.OpenNodeKey(engine.file(t), n.unlockKey(t))
			must(t, err)
			stripped, err := key.Strip()
			must(t, err)

			if bytes.Contains(stripped, []byte("kek-version")) {
				t.Error("there is a kek-version header left")
			}
			deks, kek := engine.read(t, stripped, nil)
			checkEngineDEKs(t, n, deks)
			if kek.Version != 0 || deks.NeedsRotation != n.needsRotation {
				t.Errorf("swarmkit reads version %d, rotation owed %v", kek.Version, deks.NeedsRotation)
			}
			want := n
			want.kek, want.kekVersion = nil, 0
			checkWritten(t, want, stripped, unlock.Key{})
		})
	}
}

// swarmkit itself strips a key in ViewAndRotateKEK; but for the version the
// result is the same, byte for byte.
func TestStripAsTheEngine(t *testing.T) {
	for name, n := range engineNodes() {
		t.Run(name, func(t *testing.T) {
			engine := newEngineFiles(t, n)
			key, err := unlock.OpenNodeKey(engine.file(t), n.unlockKey(t))
			must(t, err)
			stripped, err := key.Strip()
			must(t, err)

			krw := n.writer(engine.paths)
			must(t, krw.ViewAndRotateKEK(func(_ ca.KEKData, h ca.PEMKeyHeaders) (ca.KEKData, ca.PEMKeyHeaders, error) {
				return ca.KEKData{}, h, nil
			}))
			want := strings.Replace(string(engine.file(t)), "kek-version: 0\n", "", 1)
			if n.headers() == nil {
				want = strings.Replace(want, "-----\n\n", "-----\n", 1)
			}
			if string(stripped) != want {
				t.Error("the file differs from that of the engine")
			}
		})
	}
}

func TestLock(t *testing.T) {
	kek := encryption.GenerateSecretKey()
	for name, n := range engineNodes() {
		t.Run(name, func(t *testing.T) {
			engine := newEngineFiles(t, n)
			key, err := unlock.OpenNodeKey(engine.file(t), n.unlockKey(t))
			must(t, err)
			want := n
			want.kek, want.kekVersion = kek, 77
			want.needsRotation = n.needsRotation || (n.kek == nil && n.dek != nil)
			if n.fips && n.kek == nil {
				*key = key.ForFIPS()
			}
			locked, err := key.Lock(want.unlockKey(t), 77)
			must(t, err)

			engineDEKs, engineKEK := engine.read(t, locked, kek)
			checkEngineDEKs(t, want, engineDEKs)
			wantBytes(t, "KEK", engineKEK.KEK, kek)
			if engineKEK.Version != 77 || engineDEKs.NeedsRotation != want.needsRotation {
				t.Errorf("swarmkit reads version %d, rotation owed %v", engineKEK.Version, engineDEKs.NeedsRotation)
			}
			checkWritten(t, want, locked, want.unlockKey(t))
		})
	}
}

// The engine, too, owes a new DEK after it locked a file (deks.go,
// MaybeUpdateKEK).
func TestLockAsTheEngine(t *testing.T) {
	n := engineNode{dek: encryption.GenerateSecretKey()}
	engine := newEngineFiles(t, n)
	krw := n.writer(engine.paths)
	deks, err := manager.NewRaftDEKManager(krw, false)
	must(t, err)
	go func() { <-deks.RotationNotify() }()
	kek := encryption.GenerateSecretKey()
	_, _, err = deks.MaybeUpdateKEK(ca.KEKData{KEK: kek, Version: 5})
	must(t, err)

	n.kek, n.kekVersion, n.needsRotation = kek, 5, true
	key, err := unlock.OpenNodeKey(engine.file(t), n.unlockKey(t))
	must(t, err)
	checkOpened(t, n, key)
}

func TestLockRefusesZeroKey(t *testing.T) {
	n := engineNode{dek: encryption.GenerateSecretKey()}
	key, err := unlock.OpenNodeKey(newEngineFiles(t, n).file(t), unlock.Key{})
	must(t, err)
	var format *unlock.KeyFormatError
	if _, err := key.Lock(unlock.Key{}, 1); !errors.As(err, &format) {
		t.Errorf("got %v, want a *KeyFormatError", err)
	}
}

func TestZeroNodeKey(t *testing.T) {
	var key unlock.NodeKey
	kek, err := unlock.GenerateKey()
	must(t, err)
	if _, err := key.Strip(); err == nil {
		t.Error("Strip gives a file")
	}
	if _, err := key.Lock(kek, 1); err == nil {
		t.Error("Lock gives a file")
	}
	if _, err := key.PublicKey(); err == nil || key.Signer() != nil {
		t.Error("there is a private key")
	}
}

func checkEngineDEKs(t *testing.T, want engineNode, got manager.RaftDEKData) {
	t.Helper()
	wantBytes(t, "current DEK", got.CurrentDEK, want.dek)
	wantBytes(t, "pending DEK", got.PendingDEK, want.pending)
}

// checkWritten reads a file of ours with our own reader.
func checkWritten(t *testing.T, n engineNode, file []byte, key unlock.Key) {
	t.Helper()
	opened, err := unlock.OpenNodeKey(file, key)
	must(t, err)
	checkOpened(t, n, opened)
	info, err := unlock.InspectNodeKey(file)
	must(t, err)
	if info.Format != n.format() {
		t.Errorf("the body is %s now, not %s", info.Format, n.format())
	}
}

// Whatever byte of a file is damaged, nothing else is taken for the key or for
// a DEK. A damaged name of a header makes its DEK disappear, as in the engine.
func TestNodeKeyEveryByteDamaged(t *testing.T) {
	nodes := engineNodes()
	for _, name := range []string{"locked, pending", "locked, PKCS1", "locked, FIPS", "worker, locked", "unlocked", "unlocked, PKCS1"} {
		t.Run(name, func(t *testing.T) {
			n := nodes[name]
			engine := newEngineFiles(t, n)
			file, key := engine.file(t), n.unlockKey(t)
			opened := 0
			for i := range file {
				damaged := bytes.Clone(file)
				damaged[i] ^= 1
				nodeKey, err := unlock.OpenNodeKey(damaged, key)
				if err != nil {
					checkDamageError(t, i, err)
					continue
				}
				opened++
				if !engine.key.Equal(nodeKey.Signer()) {
					t.Fatalf("byte %d: another private key was read", i)
				}
				if n.kek != nil && !nodeKey.DEKs().IsZero() && !nodeKey.DEKs().HasPending() {
					checkDEKs(t, engineNode{dek: n.dek, fips: n.fips}, nodeKey.DEKs())
				}
			}
			if opened == len(file) {
				t.Error("no damage was found")
			}
		})
	}
}

func checkDamageError(t *testing.T, at int, err error) {
	t.Helper()
	var format *unlock.FormatError
	if !errors.As(err, &format) && !errors.Is(err, unlock.ErrWrongKey) {
		t.Errorf("byte %d: %v, want a *FormatError or ErrWrongKey", at, err)
	}
}

// TestNodeKeyEdited edits one thing in a file of the engine.
func TestNodeKeyEdited(t *testing.T) {
	n := engineNode{dek: encryption.GenerateSecretKey(), pending: encryption.GenerateSecretKey(), kek: encryption.GenerateSecretKey(), kekVersion: 12}
	engine := newEngineFiles(t, n)
	locked := engine.file(t)
	key, err := unlock.OpenNodeKey(locked, n.unlockKey(t))
	must(t, err)
	plain, err := key.Strip()
	must(t, err)
	certificate, err := os.ReadFile(engine.paths.Cert)
	must(t, err)

	tests := map[string]struct {
		file []byte
		part string
		what string
	}{
		"empty":                    {nil, "file", "no PEM block"},
		"no PEM":                   {[]byte("hello"), "file", "no PEM block"},
		"cut":                      {locked[:len(locked)-20], "file", "no PEM block"},
		"huge":                     {bytes.Repeat([]byte{'x'}, 1<<20), "file", "bytes"},
		"certificate":              {certificate, "PEM block", `"CERTIFICATE"`},
		"version no number":        {setHeader(locked, "kek-version", "twelve"), "header kek-version", "decimal"},
		"version negative":         {setHeader(locked, "kek-version", "-1"), "header kek-version", "decimal"},
		"DEK no base64":            {setHeader(locked, "raft-dek", "CAES*"), "header raft-dek", "base64"},
		"DEK no record":            {setHeader(locked, "raft-dek", "AAAA"), "header raft-dek", "MaybeEncryptedRecord"},
		"DEK empty":                {setHeader(locked, "raft-dek", ""), "header raft-dek", "0 bytes"},
		"DEK short":                {setHeader(plain, "raft-dek", "EgFh"), "header raft-dek", "1 bytes"},
		"DEK of unknown algorithm": {setHeader(locked, "raft-dek", "CAM="), "header raft-dek", "algorithm 3"},
		"pending without current":  {setHeader(locked, "raft-dek", "\x00"), "header raft-dek-pending", "no current DEK"},
		"only DEK damaged":         {damageHeader(t, setHeader(locked, "raft-dek-pending", "\x00"), "raft-dek"), "header raft-dek", "not this one"},
		"DEK damaged":              {damageHeader(t, locked, "raft-dek"), "header raft-dek", "not this one"},
		"pending DEK damaged":      {damageHeader(t, locked, "raft-dek-pending"), "header raft-dek-pending", "not this one"},
		"body damaged":             {damageBody(t, locked), "key body", "not this one"},
		"body in clear damaged":    {damageBody(t, plain), "key body", "no pair"},
		"body empty":               {withBody(locked, nil), "key body", "PBES2"},
		"body in clear empty":      {withBody(plain, nil), "key body", "private key"},
		"body in clear, PKCS1":     {bytes.ReplaceAll(plain, []byte("PRIVATE"), []byte("EC PRIVATE")), "key body", "EC private key"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := unlock.OpenNodeKey(test.file, n.unlockKey(t))
			var format *unlock.FormatError
			if !errors.As(err, &format) {
				t.Fatalf("got %v, want a *FormatError", err)
			}
			if format.Part != test.part || !strings.Contains(format.What, test.what) {
				t.Errorf("got %q: %q, want %q: %q", format.Part, format.What, test.part, test.what)
			}
			if name, ok := strings.CutPrefix(format.Part, "header "); ok && !bytes.HasPrefix(test.file[format.Offset:], []byte(name+":")) {
				t.Errorf("the header is not at byte %d", format.Offset)
			}
		})
	}
}

func TestNodeKeyKeepsForeignHeaders(t *testing.T) {
	n := engineNode{dek: encryption.GenerateSecretKey(), kek: encryption.GenerateSecretKey(), kekVersion: 12}
	file := setHeader(newEngineFiles(t, n).file(t), "x-of-tomorrow", "yes")
	key, err := unlock.OpenNodeKey(file, n.unlockKey(t))
	must(t, err)
	stripped, err := key.Strip()
	must(t, err)
	locked, err := key.Lock(n.unlockKey(t), 12)
	must(t, err)
	for _, file := range [][]byte{stripped, locked} {
		block, _ := pem.Decode(file)
		if block.Headers["x-of-tomorrow"] != "yes" {
			t.Error("the header is gone")
		}
	}
}

// A foreign text around the block is no reason to refuse a key: the engine
// reads the first block as well.
func TestNodeKeyAmongOtherText(t *testing.T) {
	n := engineNode{dek: encryption.GenerateSecretKey()}
	file := newEngineFiles(t, n).file(t)
	file = append([]byte("text\r\n"), append(file, "more\x00\x00"...)...)
	key, err := unlock.OpenNodeKey(file, unlock.Key{})
	must(t, err)
	checkOpened(t, n, key)
}

// Locks can differ between the parts of a file when the engine was unlocked
// with a key that the file did not need: each part opens for itself.
func TestNodeKeyLockedInPart(t *testing.T) {
	n := engineNode{dek: encryption.GenerateSecretKey(), kek: encryption.GenerateSecretKey(), kekVersion: 12}
	locked := newEngineFiles(t, n).file(t)
	key, err := unlock.OpenNodeKey(locked, n.unlockKey(t))
	must(t, err)
	stripped, err := key.Strip()
	must(t, err)
	lockedBlock, _ := pem.Decode(locked)
	plainBlock, _ := pem.Decode(stripped)

	for name, file := range map[string][]byte{
		"DEK": setHeader(stripped, "raft-dek", lockedBlock.Headers["raft-dek"]),
		"key": setHeader(locked, "raft-dek", plainBlock.Headers["raft-dek"]),
	} {
		t.Run(name, func(t *testing.T) {
			key, err := unlock.OpenNodeKey(file, n.unlockKey(t))
			must(t, err)
			checkDEKs(t, n, key.DEKs())
			if _, err := unlock.OpenNodeKey(file, unlock.Key{}); !errors.Is(err, unlock.ErrLocked) {
				t.Errorf("no key: %v, want ErrLocked", err)
			}
			other, err := unlock.GenerateKey()
			must(t, err)
			if _, err := unlock.OpenNodeKey(file, other); !errors.Is(err, unlock.ErrWrongKey) {
				t.Errorf("other key: %v, want ErrWrongKey", err)
			}
		})
	}
}

// setHeader deletes the header when value is a zero byte.
func setHeader(file []byte, name, value string) []byte {
	block, _ := pem.Decode(file)
	block.Headers[name] = value
	if value == "\x00" {
		delete(block.Headers, name)
	}
	return pem.EncodeToMemory(block)
}

func withBody(file, body []byte) []byte {
	block, _ := pem.Decode(file)
	block.Bytes = body
	return pem.EncodeToMemory(block)
}

// damageHeader flips a bit of the encrypted DEK and keeps its record whole.
func damageHeader(t *testing.T, file []byte, name string) []byte {
	t.Helper()
	block, _ := pem.Decode(file)
	value := []byte(block.Headers[name])
	swap := byte('A')
	if value[20] == swap {
		swap = 'B'
	}
	value[20] = swap
	return setHeader(file, name, string(value))
}

// damageBody flips bits in the private number of a PKCS#8 body, or in what
// would be that, encrypted.
func damageBody(t *testing.T, file []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(file)
	body := bytes.Clone(block.Bytes)
	body[len(body)-90] ^= 1
	return withBody(file, body)
}
