package unlock

import (
	"encoding/pem"
	"errors"
	"maps"
	"strconv"
)

// Strip returns the file without its lock: body and DEKs in clear, the body in
// the format it had, a pending DEK and an owed rotation kept. The result is a
// secret.
//
// The kek-version header is gone: an engine that finds the version of the
// swarm's KEK next to no KEK refuses force-new-cluster with "candidate KEK has
// the same version as the current KEK, but a different KEK value" (Docker
// 20.10.24, swarmkit manager/deks.go compareKEKs).
func (k NodeKey) Strip() ([]byte, error) {
	if k.isZero() {
		return nil, errNoNodeKey
	}
	headers, err := k.headers(algorithmNone, nil)
	if err != nil {
		return nil, err
	}
	return encode(plainBlock(k.format, k.body()), headers)
}

// Lock returns the file locked by key, the body in the format it had, with
// kekVersion in its header; that is Cluster.Meta.Version.Index at the last
// change of the key. The DEKs are encrypted as those of the opened file were,
// by NaCl secretbox when those were in clear (but see ForFIPS).
//
// Locking a file that was not locked makes the engine owe a new DEK, as the
// engine itself does then: the old one lay on the disk in clear.
//
// The zero Key gives a *KeyFormatError.
func (k NodeKey) Lock(key Key, kekVersion uint64) ([]byte, error) {
	if k.isZero() {
		return nil, errNoNodeKey
	}
	if key.IsZero() {
		return nil, &KeyFormatError{Reason: "it is empty"}
	}
	block, err := lockedBlock(k.format, k.body(), key)
	if err != nil {
		return nil, err
	}
	headers, err := k.headers(k.deks.algorithm(), key.kek)
	if err != nil {
		return nil, err
	}
	headers[headerKEKVersion] = strconv.FormatUint(kekVersion, 10)
	if !k.locked && !k.deks.IsZero() {
		headers[headerNeedsRotation] = "true"
	}
	return encode(block, headers)
}

// headers are all but those that tell the KEK.
func (k NodeKey) headers(algorithm uint64, kek secret) (map[string]string, error) {
	headers := map[string]string{}
	maps.Copy(headers, k.foreign)
	if k.needsRotation {
		headers[headerNeedsRotation] = "true"
	}
	err := putDEK(headers, headerDEK, k.deks.current, algorithm, kek)
	if err != nil {
		return nil, err
	}
	return headers, putDEK(headers, headerPendingDEK, k.deks.pending, algorithm, kek)
}

func putDEK(headers map[string]string, name string, dek secret, algorithm uint64, kek secret) error {
	if dek == nil {
		return nil
	}
	r, err := seal(algorithm, dek(), kek)
	if err != nil {
		return err
	}
	headers[name] = r.header()
	return nil
}

func encode(block *pem.Block, headers map[string]string) ([]byte, error) {
	maps.Copy(block.Headers, headers)
	file := pem.EncodeToMemory(block)
	if file == nil {
		return nil, errors.New("encode node key: a PEM header is malformed")
	}
	return file, nil
}
