package unlock

// DEKSet holds the DEKs of a raft log: the current one and, while the engine
// rotates, the pending one. The zero DEKSet is empty, as a worker's is.
type DEKSet struct {
	current secret
	pending secret
	fernet  bool
}

// Decrypt opens a record of the raft log, a marshalled MaybeEncryptedRecord.
// While a rotation runs one log holds records of both DEKs, so the pending and
// the current DEK are tried. A record in clear is returned as it is, by an
// empty set too. The result is a copy and may be empty.
//
// Errors: ErrCannotDecrypt when no DEK fits, *FormatError for a malformed
// record.
func (d DEKSet) Decrypt(rec []byte) ([]byte, error) {
	return d.AppendDecrypt(nil, rec)
}

// AppendDecrypt is Decrypt that appends its result to dst.
func (d DEKSet) AppendDecrypt(dst, rec []byte) ([]byte, error) {
	r, err := parseRecord(rec)
	if err != nil {
		return nil, err
	}
	return r.appendOpen(dst, d.pending, d.current)
}

// Encrypt seals a record with the current DEK and a random nonce, and returns
// the marshalled MaybeEncryptedRecord. The algorithm is NaCl secretbox, or
// Fernet when the node key file used it or after NodeKey.ForFIPS.
//
// An empty set returns ErrNoDEK.
func (d DEKSet) Encrypt(plain []byte) ([]byte, error) {
	if d.IsZero() {
		return nil, ErrNoDEK
	}
	r, err := seal(d.algorithm(), plain, d.current)
	if err != nil {
		return nil, err
	}
	return r.marshal(), nil
}

// Len is the number of DEKs: 0, 1, or 2 while a rotation runs.
func (d DEKSet) Len() int {
	n := 0
	for _, key := range []secret{d.pending, d.current} {
		if key != nil {
			n++
		}
	}
	return n
}

// IsZero tells whether the set is empty.
func (d DEKSet) IsZero() bool { return d.current == nil }

// HasPending tells whether a rotation runs.
func (d DEKSet) HasPending() bool { return d.pending != nil }

func (d DEKSet) algorithm() uint64 {
	if d.fernet {
		return algorithmFernet
	}
	return algorithmSecretbox
}
