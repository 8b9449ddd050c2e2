package unlock

import (
	"errors"
	"fmt"
)

var (
	// ErrLocked is returned by OpenNodeKey when the node key file is locked
	// and the key given is the zero Key.
	ErrLocked = errors.New("node key is locked and no unlock key was given")

	// ErrWrongKey is returned by OpenNodeKey when the unlock key opens nothing
	// of a locked node key file. A file without DEK headers (a worker's) has
	// no authenticated part: there, a damaged body looks the same.
	ErrWrongKey = errors.New("unlock key does not open the node key")

	// ErrCannotDecrypt is returned by DEKSet.Decrypt when no DEK of the set
	// opens a well-formed record.
	ErrCannotDecrypt = errors.New("no DEK opens the record")

	// ErrNoDEK is returned by DEKSet.Encrypt when the set is empty.
	ErrNoDEK = errors.New("there is no DEK to encrypt with")

	errNoNodeKey = errors.New("the node key holds nothing")
)

// FormatError tells what is malformed or damaged in a node key file or in an
// encrypted record. It is returned by OpenNodeKey, InspectNodeKey and
// DEKSet.Decrypt, and holds no key material.
type FormatError struct {
	// Part is "file", "PEM block", "key body", "record", or "header " and the
	// name of a PEM header.
	Part string
	// Offset is where the part begins, in bytes from the start of the file;
	// for Part "record", where in the record the fault lies.
	Offset int
	// What says what is wrong.
	What string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("read %s at byte %d: %s", e.Part, e.Offset, e.What)
}

// KeyFormatError tells why a text or a byte string is no unlock key. It is
// returned by ParseKey, NewKey and NodeKey.Lock, and never quotes the input.
type KeyFormatError struct {
	Reason string
}

func (e *KeyFormatError) Error() string {
	return "parse unlock key: " + e.Reason
}
