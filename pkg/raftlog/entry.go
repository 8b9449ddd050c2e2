package raftlog

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/moby/swarmkit/v2/api"
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
	return func(yield func(Entry, error) bool) {
		if l.dec == nil {
			yield(Entry{}, ErrNoDecrypter)
			return
		}
		for raw, err := range l.raw(from) {
			var e Entry
			if err == nil {
				e, err = l.entry(raw)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// entry decrypts and decodes.
func (l *Log) entry(raw raftpb.Entry) (Entry, error) {
	e := Entry{Index: raw.Index, Term: raw.Term, Committed: raw.Index <= l.scan.state.Commit, Size: len(raw.Data)}
	plain, err := l.decrypt(raw.Index, raw.Data)
	if errors.Is(err, ErrOldKey) {
		e.Kind = EntryUnreadable
		return e, nil
	}
	if err != nil {
		return Entry{}, err
	}
	at := l.place(raw.Index)
	switch {
	case raw.Type == raftpb.EntryConfChange:
		return e, at.mark(e.decodeConfChange(plain))
	case raw.Type != raftpb.EntryNormal:
		return Entry{}, fmt.Errorf("entry %d has type %s: %w", raw.Index, raw.Type, ErrNewerFormat)
	case len(plain) == 0:
		e.Kind = EntryEmpty
		return e, nil
	}
	return e, at.mark(e.decodeActions(plain))
}

// decrypt opens the data of an entry. Entries that the raft snapshot stands for
// stay on disk until their segment is full of such, while the engine drops
// their key as soon as the snapshot is written (manager/deks.go): for them,
// a failure is ErrOldKey.
func (l *Log) decrypt(index uint64, data []byte) ([]byte, error) {
	plain, err := l.dec.Decrypt(data)
	if err == nil {
		return plain, nil
	}
	if index <= l.RaftSnapshot().Index {
		return nil, fmt.Errorf("decrypt entry %d: %w", index, ErrOldKey)
	}
	return nil, fmt.Errorf("decrypt entry %d in %s: %w", index, l.place(index), err)
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

func (e *Entry) decodeActions(plain []byte) error {
	var req api.InternalRaftRequest
	if damage := decode(plain, &req, "request"); damage != nil {
		return damage
	}
	e.Kind, e.RequestID = EntryNormal, req.ID
	for _, sa := range req.Action {
		a, err := newAction(sa)
		if err != nil {
			return fmt.Errorf("decode entry %d: %w", e.Index, err)
		}
		e.Actions = append(e.Actions, a)
	}
	if req.Size() == len(plain) {
		return nil
	}
	return e.keepUnknown(plain)
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

// place tells where an entry of the log stands; index must be in it.
func (l *Log) place(index uint64) place {
	r := l.scan.refs[index-l.scan.first]
	return place{file: l.scan.segments[r.segment].path, offset: r.offset}
}

// raw reads the entries from index on, encrypted as they are. It goes through
// each segment once, from its begin, so that checksums are verified again.
func (l *Log) raw(from uint64) iter.Seq2[raftpb.Entry, error] {
	return func(yield func(raftpb.Entry, error) bool) {
		index, more := max(from, l.FirstIndex()), true
		for more && index <= l.lastEntry() {
			index, more = l.rawSegment(index, yield)
		}
	}
}

// rawSegment yields the entries from index to the end of its segment and
// returns the index that follows.
func (l *Log) rawSegment(index uint64, yield func(raftpb.Entry, error) bool) (uint64, bool) {
	seg := l.segmentOf(index)
	file, size, err := open(l.fsys, l.scan.segments[seg].path)
	if err != nil {
		return index, yield(raftpb.Entry{}, err) && false
	}
	defer file.Close()
	f := newFrames(file, size, l.scan.segments[seg].crc)
	for index <= l.lastEntry() && l.segmentOf(index) == seg {
		e, err := l.seek(f, index)
		if !yield(e, err) || err != nil {
			return index, false
		}
		index++
	}
	return index, true
}

func (l *Log) segmentOf(index uint64) int {
	return l.scan.refs[index-l.scan.first].segment
}

// seek reads on to the entry. What stands between was replaced, or is none.
func (l *Log) seek(f *frames, index uint64) (raftpb.Entry, error) {
	at := l.place(index)
	for {
		fr, err := f.next()
		var bad *frameError
		if errors.As(err, &bad) || errors.Is(err, io.EOF) || fr.offset > at.offset {
			return raftpb.Entry{}, &DamageError{File: at.file, Offset: at.offset, What: "entry changed while the log was read"}
		}
		if err != nil {
			return raftpb.Entry{}, fmt.Errorf("read %s: %w", at.file, err)
		}
		if fr.offset < at.offset {
			continue
		}
		var e raftpb.Entry
		if damage := decode(fr.rec.Data, &e, "entry"); damage != nil {
			return raftpb.Entry{}, at.mark(damage)
		}
		return e, nil
	}
}
