package raftlog

import (
	"errors"
	"fmt"
)

var (
	// ErrNotSwarmDir is returned by [Open] for a directory with neither
	// raft/ nor certificates/ in it.
	ErrNotSwarmDir = errors.New("not a swarm directory")

	// ErrWorkerDir is returned by [Open] for the directory of a worker, or
	// of a manager that was demoted: it has certificates but no raft log.
	ErrWorkerDir = errors.New("swarm directory of a worker: no raft log")

	// ErrNoDecrypter is returned by [Log.Entries] and [Log.State] of a log
	// that was opened without a decrypter.
	ErrNoDecrypter = errors.New("raft log is encrypted and no decrypter was given")

	// ErrNotInLog is returned by [Log.State] for an index before the oldest
	// raft snapshot or beyond the last entry.
	ErrNotInLog = errors.New("index is not in the log")

	// ErrOldKey is returned by [Log.State] for an index before the newest
	// raft snapshot, where an entry on the way there was written with a key
	// that the manager has dropped since.
	ErrOldKey = errors.New("entry was written with an older key")

	// ErrNoCluster is returned by [State.Cluster] and [WriteRebuilt] for a
	// state that does not hold exactly one cluster object.
	ErrNoCluster = errors.New("state does not hold exactly one cluster")

	// ErrNewerFormat is returned by [Open], [Log.State] and [Log.Entries]
	// for data of an engine newer than this package knows, where going on
	// would lose some of it.
	ErrNewerFormat = errors.New("written by a newer engine")

	// ErrExists is returned by [WriteRebuilt] for a directory that already
	// holds raft/.
	ErrExists = errors.New("directory already holds a raft log")

	// ErrRemoved is returned by [WriteRebuilt] for a member whose raft ID
	// was removed from the swarm: raft never lets it in again.
	ErrRemoved = errors.New("raft ID was removed from the swarm")
)

// Invariant is what damage breaks.
type Invariant string

// The invariants of a log.
const (
	Segments  Invariant = "segments"       // none is missing
	Checksums Invariant = "checksums"      // one chain over all records
	Records   Invariant = "records"        // each can be decoded
	Entries   Invariant = "entries"        // their indexes and terms follow each other
	Snapshots Invariant = "raft-snapshots" // one leads to the first entry
	Content   Invariant = "content"        // what was decrypted can be decoded
)

// DamageError tells that a file of the log is not what the engine wrote.
// [Open], [Log.Entries], [Log.State] and [KeepTail] return it.
type DamageError struct {
	// Breaks is the invariant that does not hold; empty means [Records].
	Breaks Invariant
	// File is the path below the swarm directory, slash separated.
	File string
	// Offset is the first byte of the damaged record, 0 where the whole
	// file or its absence is meant.
	Offset int64
	// What is wrong, in a few words.
	What string
	// Err is the cause, when there is one.
	Err error
}

func (e *DamageError) Error() string {
	text := fmt.Sprintf("damaged raft log: %s at byte %d: %s", e.File, e.Offset, e.What)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Invariant is Breaks with its default.
func (e *DamageError) Invariant() Invariant {
	if e.Breaks == "" {
		return Records
	}
	return e.Breaks
}

// Unwrap returns the cause.
func (e *DamageError) Unwrap() error { return e.Err }

// TornTail tells where the log ends in a record that was never completely
// written. The engine had not acknowledged it.
type TornTail struct {
	// File is the path of the last segment below the swarm directory.
	File string
	// Offset is the first byte of the torn record: what lies before is intact.
	Offset int64
	// What is missing, in a few words.
	What string
	// Lost counts the bytes from Offset to the last one that is not zero.
	// A tear is short, usually below 2 MB: a large value speaks for damage.
	Lost int64
}
