package raftlog

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/raft/v3/raftpb"
)

// EntryKind tells what an entry does.
type EntryKind string

// The kinds of entries. A leader begins its term with an empty one. An
// unreadable one stands before the raft snapshot and was written with a key the
// manager has since dropped: healthy, but what it did cannot be told.
const (
	EntryNormal     EntryKind = "normal"
	EntryConfChange EntryKind = "confchange"
	EntryEmpty      EntryKind = "empty"
	EntryUnreadable EntryKind = "unreadable"
)

const entryRecord = wal.EntryType

// Entry is one decrypted entry of the log.
type Entry struct {
	Index, Term uint64
	Kind        EntryKind
	// Committed tells that Index does not exceed the commit index on disk.
	// Entries beyond it may have been acknowledged all the same.
	Committed bool
	// Actions change objects, all of them or none.
	Actions []Action
	// ConfChange is set for entries of that kind alone.
	ConfChange *ConfChange
	// RequestID is drawn by the manager that proposed the entry.
	RequestID uint64
	// Size counts the bytes of the encrypted data.
	Size int
}

// Time returns when the newest object of the entry was written by the clock of
// the leader of that day, the zero time if the entry creates or updates none.
func (e Entry) Time() time.Time {
	var newest time.Time
	for _, a := range e.Actions {
		if t := a.Object.Updated(); a.Op != Remove && t.After(newest) {
			newest = t
		}
	}
	return newest
}

// Entries returns the entries from index on, in order: the final version of
// each, decrypted as it goes. An index before [Log.FirstIndex] means there. An
// error ends the sequence: [ErrNoDecrypter], [ErrNewerFormat], [*DamageError],
// that of the decrypter or of the file system.
func (l *Log) Entries(from uint64) iter.Seq2[Entry, error] {
	if l.dec == nil {
		return failed[Entry](ErrNoDecrypter)
	}
	return walk(again[Entry](l, from), func(_ *batch[Entry], it *item[Entry]) {
		it.out, it.err = l.entry(it.at, it.raw, nil)
		if it.err == nil && it.out.Kind == EntryNormal {
			it.err = it.at.mark(it.out.check())
		}
	})
}

// check reads the objects of an entry to their last fields.
func (e Entry) check() error {
	for _, a := range e.Actions {
		if _, err := kinds[rank(a.Object.Kind)].shape.Check(a.Object.raw); err != nil {
			return &DamageError{Breaks: Content, What: fmt.Sprintf("decode %s in entry %d", a.Object, e.Index), Err: err}
		}
	}
	return nil
}

// Walk is [Log.Entries] for those who look at all of a large log: it calls f for
// each entry, several at a time, and yields what f returned in the order of the
// log. The entry that f gets is valid until the body of the loop has ended for
// what f made of it: who keeps more must copy it. Its objects were read as far as
// their names: what is wrong behind that shows when they are rendered.
func Walk[T any](l *Log, from uint64, f func(Entry) (T, error)) iter.Seq2[T, error] {
	if l.dec == nil {
		return failed[T](ErrNoDecrypter)
	}
	return walk(again[T](l, from), func(_ *batch[T], it *item[T]) {
		e, err := l.entry(it.at, it.raw, &it.plain)
		if err == nil {
			it.out, err = f(e)
		}
		it.err = err
	})
}

func failed[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, err)
	}
}

// entry decrypts and decodes, into the buffer if there is one.
func (l *Log) entry(at place, raw raftpb.Entry, buffer *[]byte) (Entry, error) {
	e := Entry{Index: raw.Index, Term: raw.Term, Committed: raw.Index <= l.scan.state.Commit, Size: len(raw.Data)}
	plain, err := l.decrypt(raw.Index, at, raw.Data, buffer)
	if errors.Is(err, ErrOldKey) {
		e.Kind = EntryUnreadable
		return e, nil
	}
	if err != nil {
		return Entry{}, err
	}
	switch {
	case raw.Type == raftpb.EntryConfChange:
		err = e.decodeConfChange(plain)
	case raw.Type != raftpb.EntryNormal:
		return Entry{}, fmt.Errorf("entry %d has type %s: %w", raw.Index, raw.Type, ErrNewerFormat)
	case len(plain) == 0:
		e.Kind = EntryEmpty
	default:
		err = e.decodeActions(plain)
	}
	return e, at.mark(err)
}

// decrypt opens the data of an entry. Entries that the raft snapshot stands for
// stay on disk until their segment is full of such, while the engine drops
// their key as soon as the snapshot is written (manager/deks.go): for them,
// a failure is ErrOldKey.
func (l *Log) decrypt(index uint64, at place, data []byte, buffer *[]byte) ([]byte, error) {
	var dst []byte
	if buffer != nil {
		dst = slices.Grow((*buffer)[:0], len(data))
	}
	plain, err := l.dec.AppendDecrypt(dst, data)
	if err == nil {
		if buffer != nil {
			*buffer = plain
		}
		return plain, nil
	}
	if index <= l.RaftSnapshot().Index {
		return nil, fmt.Errorf("decrypt entry %d: %w", index, ErrOldKey)
	}
	return nil, fmt.Errorf("decrypt entry %d in %s: %w", index, at, err)
}

func (e *Entry) decodeConfChange(plain []byte) error {
	cc, damage := decodeConfChange(plain)
	if damage != nil {
		return damage
	}
	cc.Index = e.Index
	e.Kind, e.ConfChange = EntryConfChange, &cc
	return nil
}

// place is where an entry stands.
type place struct {
	file   string
	offset int64
}

func (p place) String() string { return fmt.Sprintf("%s at byte %d", p.file, p.offset) }

// mark adds the place to an error about damage.
func (p place) mark(err error) error {
	var damage *DamageError
	if errors.As(err, &damage) {
		damage.File, damage.Offset = p.file, p.offset
	}
	return err
}
