package unlock

import (
	"crypto"
	"errors"
	"fmt"
)

// NodeKey is an opened node key file. The zero NodeKey holds nothing.
type NodeKey struct {
	format  string
	body    secret
	signer  func() crypto.Signer
	deks    DEKSet
	foreign map[string]string

	locked        bool
	kekVersion    uint64
	needsRotation bool
}

// OpenNodeKey opens the content of certificates/swarm-node.key, a manager's or
// a worker's. The key may be zero when the file is not locked; a key given for
// a file that is not locked is not looked at. As in the engine, the first PEM
// block counts and what lies around it does not.
//
// Errors: ErrLocked without a key, ErrWrongKey when the key opens nothing of
// the file, *FormatError for anything malformed. Where the key opens one part
// of the file and not another, the other part is damaged: a *FormatError.
func OpenNodeKey(file []byte, key Key) (*NodeKey, error) {
	f, err := parseKeyFile(file)
	if err != nil {
		return nil, err
	}
	if f.locked() && key.IsZero() {
		return nil, ErrLocked
	}
	return f.open(key)
}

// attempt is what became of opening one part of the file.
type attempt struct {
	part   string
	offset int
	locked bool
	err    error
}

func (f *keyFile) open(key Key) (*NodeKey, error) {
	current, errCurrent := f.openDEK(headerDEK, f.current, key)
	pending, errPending := f.openDEK(headerPendingDEK, f.pending, key)
	body, signer, errBody := f.openBody(key)
	err := judge([]attempt{
		{"header " + headerDEK, f.headerOffset(headerDEK), f.current.encrypted(), errCurrent},
		{"header " + headerPendingDEK, f.headerOffset(headerPendingDEK), f.pending.encrypted(), errPending},
		{"key body", f.start, f.bodyLocked(), errBody},
	})
	if err != nil {
		return nil, err
	}
	return &NodeKey{
		format:        f.format,
		body:          hide(body),
		signer:        func() crypto.Signer { return signer },
		deks:          DEKSet{current: current, pending: pending, fernet: f.usesFernet()},
		foreign:       f.foreignHeaders(),
		locked:        f.locked(),
		kekVersion:    f.kekVersion,
		needsRotation: f.needsRotation,
	}, nil
}

// judge tells a wrong key from damage: a key that opened something is right.
func judge(attempts []attempt) error {
	var refused *attempt
	opened := false
	for i, a := range attempts {
		switch {
		case errors.Is(a.err, ErrWrongKey):
			refused = &attempts[i]
		case a.err != nil:
			return a.err
		case a.locked:
			opened = true
		}
	}
	if refused == nil {
		return nil
	}
	if !opened {
		return ErrWrongKey
	}
	return &FormatError{Part: refused.part, Offset: refused.offset, What: "the unlock key opens other parts of the file but not this one"}
}

func (f *keyFile) openDEK(name string, r *record, key Key) (secret, error) {
	if r == nil {
		return nil, nil
	}
	dek, err := r.open(key.secrets()...)
	if err != nil {
		return nil, ErrWrongKey
	}
	if len(dek) != keySize {
		return nil, f.headerError(name, fmt.Sprintf("its DEK has %d bytes, not %d", len(dek), keySize))
	}
	return hide(dek), nil
}

func (k Key) secrets() []secret {
	if k.IsZero() {
		return nil
	}
	return []secret{k.kek}
}

func (f *keyFile) usesFernet() bool {
	return f.current != nil && f.current.algorithm == algorithmFernet
}

// Locked tells whether the file was locked.
func (k NodeKey) Locked() bool { return k.locked }

// KEKVersion is the number of the kek-version header, 0 without one.
func (k NodeKey) KEKVersion() uint64 { return k.kekVersion }

// NeedsRotation tells whether the engine owes the raft log a new DEK.
func (k NodeKey) NeedsRotation() bool { return k.needsRotation }

// DEKs returns the keys of the raft log; a worker's set is empty.
func (k NodeKey) DEKs() DEKSet { return k.deks }

// ForFIPS returns the same key, encrypting with Fernet in Lock and in
// DEKSet.Encrypt. Engines in FIPS mode (cluster ID "FIPS.…") read nothing else
// in a locked file and in the raft log. A locked file tells that mode by
// itself, an unlocked one does not.
func (k NodeKey) ForFIPS() NodeKey {
	k.deks.fernet = true
	return k
}

// Signer returns the private key of the node, for TLS, and nil of the zero
// NodeKey. Unlike the rest of the package, what it returns does not redact
// itself.
func (k NodeKey) Signer() crypto.Signer {
	if k.isZero() {
		return nil
	}
	return k.signer()
}

// PublicKey returns the public key that the node's certificate must hold. Only
// the zero NodeKey gives an error.
func (k NodeKey) PublicKey() (crypto.PublicKey, error) {
	if k.isZero() {
		return nil, errNoNodeKey
	}
	return k.signer().Public(), nil
}

func (k NodeKey) isZero() bool { return k.signer == nil }
