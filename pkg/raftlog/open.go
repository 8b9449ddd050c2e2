package raftlog

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync/atomic"

	"github.com/moby/swarmkit/v2/api"
)

// Decrypter opens one record of the raft log: a marshalled swarmkit
// MaybeEncryptedRecord in, its plaintext out, appended to dst. While a manager
// changes its key a log holds records of both keys, so an implementation tries
// all it has. An error must not quote the record. It is called concurrently.
type Decrypter interface {
	AppendDecrypt(dst, record []byte) ([]byte, error)
}

// clearText is the decrypter of layouts that do not encrypt.
type clearText struct{}

func (clearText) AppendDecrypt(dst, record []byte) ([]byte, error) {
	return append(dst, record...), nil
}

// Encrypter is the reverse of [Decrypter]: plaintext in, a marshalled
// MaybeEncryptedRecord out. It is called with nil for an empty entry.
type Encrypter interface {
	Encrypt(plain []byte) ([]byte, error)
}

// Member is a manager as raft knows it.
type Member struct {
	// RaftID is drawn at random when the manager joins and never used again.
	RaftID uint64
	// NodeID is the ID of the swarm node.
	NodeID string
	// Addr is host:port as the other managers dial it.
	Addr string
}

// HardState is the last raft hard state on disk.
type HardState struct {
	// Term is the highest term the manager has seen, Vote the raft ID it
	// voted for in that term.
	Term, Vote uint64
	// Commit lags behind what was acknowledged: see the package comment.
	Commit uint64
}

// Log is a raft log that was read and found intact. It holds what was found, not
// the entries, and reads the files again when asked for them: its size does not
// grow with the log. It is safe for concurrent use if its file system is.
type Log struct {
	fsys   fs.FS
	layout layout
	dec    Decrypter
	scan   *scan
	snaps  []SnapshotInfo // usable ones, newest first
	broken []*DamageError
	confs  []ConfChange
	old    []string
	self   Member
	damage *DamageError
	held   atomic.Pointer[content]
}

// Open reads the swarm directory at the root of fsys, the one that holds raft/
// and certificates/: of a live or stopped manager, a copy, an archive. Files
// are opened for reading only and read from begin to end.
//
// Without a decrypter (nil) the log tells only what is in clear. With one that
// does not fit, Open returns its error, wrapped, as far as Open needs it.
//
// The errors are [ErrNotSwarmDir], [ErrWorkerDir], [*DamageError], or that of the file system. A live manager writes on while it
// is read: of its log, fs.ErrNotExist and damage in the last record mean no more
// than that the caller should try again.
func Open(fsys fs.FS, dec Decrypter) (*Log, error) {
	l, err := OpenDamaged(fsys, dec)
	if err != nil {
		return nil, err
	}
	if l.damage != nil {
		return nil, l.damage
	}
	return l, nil
}

// OpenDamaged opens a log that [Open] refuses for damage and ends it before
// the first damaged record. [Log.Damage] tells where. It still fails if what is
// left has no beginning.
func OpenDamaged(fsys fs.FS, dec Decrypter) (*Log, error) {
	layout, err := findLayout(fsys)
	if err != nil {
		return nil, err
	}
	s, err := scanLog(fsys, layout, noTap(make([]byte, windowBytes)))
	if err != nil {
		return nil, err
	}
	l, err := newLog(s)
	if err != nil {
		return nil, err
	}
	return l.With(dec)
}

// newLog judges what a scan has found, without a key.
func newLog(s *scan) (l *Log, err error) {
	l = &Log{fsys: s.fsys, layout: s.layout, scan: s, damage: s.damage}
	l.snaps, l.broken, err = snapshots(s.fsys, s.layout.snap, s.markers)
	if err != nil {
		return nil, err
	}
	if l.old, err = leftovers(s.fsys, s.layout); err != nil {
		return nil, err
	}
	if err := l.checkStart(); err != nil {
		return nil, err
	}
	var meta api.RaftMember
	if err := meta.Unmarshal(s.metadata); err != nil {
		return nil, &DamageError{File: l.firstSegment(), What: "decode metadata", Err: err}
	}
	l.self = memberOf(&meta)
	return l, nil
}

// With returns the log with another decrypter, as Open would, without reading
// it again. Logs of layouts that do not encrypt have no use for it.
func (l *Log) With(dec Decrypter) (*Log, error) {
	log, err := l.decrypted(dec)
	if err != nil || log.dec == nil {
		return log, err
	}
	addr, err := log.selfAddr()
	if addr != "" {
		log.self.Addr = addr
	}
	return log, err
}

// decrypted also decrypts the membership changes.
func (l *Log) decrypted(dec Decrypter) (*Log, error) {
	log := &Log{
		fsys: l.fsys, layout: l.layout, dec: dec, scan: l.scan, snaps: l.snaps, broken: l.broken,
		old: l.old, self: l.self, damage: l.damage,
	}
	if l.layout.clear {
		log.dec = clearText{}
	}
	if log.dec == nil {
		return log, nil
	}
	for _, conf := range log.scan.confs {
		cc, err := log.confChange(conf)
		if errors.Is(err, ErrOldKey) {
			continue // the raft snapshot knows its outcome
		}
		if err != nil {
			return nil, err
		}
		log.confs = append(log.confs, cc)
	}
	return log, nil
}

// checkStart sees to it that the entries begin at 1 or behind a raft snapshot.
func (l *Log) checkStart() error {
	s := l.scan
	if s.metadata == nil {
		return firstDamage(s.damage, &DamageError{File: l.firstSegment(), What: "no metadata"})
	}
	if base := l.RaftSnapshot(); s.reset != nil && s.reset.Index == base.Index {
		s.dropAll(spot{segment: len(s.segments)})
	}
	start := l.FirstIndex()
	l.snaps = slices.DeleteFunc(l.snaps, func(info SnapshotInfo) bool { return info.Index+1 < start })
	if start == 1 || len(l.snaps) > 0 {
		return nil
	}
	if len(l.broken) > 0 {
		return firstDamage(s.damage, l.broken[0])
	}
	return firstDamage(s.damage, &DamageError{
		Breaks: Snapshots, File: l.firstSegment(), What: fmt.Sprintf("entries begin at %d and no raft snapshot leads there", start),
	})
}

func firstDamage(candidates ...*DamageError) error {
	for _, damage := range candidates {
		if damage != nil {
			return damage
		}
	}
	return nil
}

func (l *Log) firstSegment() string {
	if len(l.scan.segments) == 0 {
		return l.layout.wal
	}
	return l.scan.segments[0].path
}

// selfAddr is the address of today: the metadata holds that of the day the
// manager joined. The raft snapshot is decrypted only where the log does not
// tell, and kept for the replay that mostly follows.
func (l *Log) selfAddr() (string, error) {
	for _, cc := range slices.Backward(l.confs) {
		if cc.Member.RaftID == l.self.RaftID && cc.Member.Addr != "" {
			return cc.Member.Addr, nil
		}
	}
	if l.RaftSnapshot().Index == 0 {
		return "", nil
	}
	base, err := l.baseFor(l.LastIndex())
	if err != nil {
		return "", err
	}
	content, err := l.content(base)
	if err != nil {
		return "", err
	}
	l.held.Store(content)
	return l.membersIn(content, base.Index, l.LastIndex()).current[l.self.RaftID].Addr, nil
}
