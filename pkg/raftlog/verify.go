package raftlog

import (
	"io/fs"

	"go.etcd.io/raft/v3/raftpb"
)

// Coverage is what [Verify] has read.
type Coverage struct {
	// Entries were decrypted and decoded; Unreadable ones stand before the
	// raft snapshot and need a key that the manager has dropped.
	Entries, Unreadable uint64
}

func (c *Coverage) count(s step) {
	if s.unreadable {
		c.Unreadable++
		return
	}
	c.Entries++
}

// Verified is what [Verify] found.
type Verified struct {
	// Log is as [OpenDamaged] returns it.
	Log *Log
	// State is that after the last entry, or before the one that Err is
	// about; nil without a decrypter, and where there is not even a begin.
	State    *State
	Coverage Coverage
	// Err tells why not every entry could be decrypted and applied.
	Err error
}

// Verify is [OpenDamaged] and [Log.State] in one, and decrypts and decodes the
// entries before the raft snapshot too. It reads the log once where it can: a
// log whose entries were replaced by those of a new leader is read twice.
//
// The error is that of OpenDamaged.
func Verify(fsys fs.FS, dec Decrypter) (*Verified, error) {
	layout, err := findLayout(fsys)
	if err != nil {
		return nil, err
	}
	if dec != nil || layout.clear {
		if v := verifyOnce(fsys, layout, dec); v != nil {
			return v, nil
		}
	}
	l, err := OpenDamaged(fsys, dec)
	if err != nil {
		return nil, err
	}
	v := &Verified{Log: l}
	if l.dec != nil {
		v.State, v.Coverage, v.Err = l.replay(l.RaftSnapshot(), l.FirstIndex(), l.LastIndex())
	}
	return v, nil
}

// verifyOnce applies the entries while they are scanned. That is right as long
// as none of them is replaced later, and if the newest raft snapshot turns out
// to be part of the log. Otherwise, and after any error, it returns nil.
func verifyOnce(fsys fs.FS, layout layout, dec Decrypter) *Verified {
	l := &Log{fsys: fsys, layout: layout, dec: dec}
	if layout.clear {
		l.dec = clearText{}
	}
	var err error
	if l.snaps, err = newestSnapshot(fsys, layout.snap); err != nil {
		return nil
	}
	r, err := l.restore(l.RaftSnapshot())
	if err != nil {
		return nil
	}
	var s *scan
	scanned := func(w *walker[step]) (err error) {
		s, err = scanLog(fsys, layout, scanTap{w})
		return err
	}
	steps := walk(scanned, l.work)
	if r.run(steps, ^uint64(0)) != nil || r.state.check() != nil {
		return nil
	}
	done, err := newLog(s)
	if err == nil {
		done, err = done.decrypted(dec)
	}
	if err != nil || s.span.replacedBehind(r.base.Index) || done.RaftSnapshot().File != r.base.File || r.base.Index+1 < done.FirstIndex() {
		return nil
	}
	if addr := r.members.current[done.self.RaftID].Addr; addr != "" {
		done.self.Addr = addr
	}
	return &Verified{Log: done, State: r.finish(done), Coverage: r.covered}
}

// newestSnapshot returns the newest raft snapshot that can be read, whether the
// log knows it or not.
func newestSnapshot(fsys fs.FS, dir string) ([]SnapshotInfo, error) {
	files, err := list(fsys, dir, ".snap")
	if err != nil || len(files) == 0 {
		return nil, err
	}
	info, damage, err := scanSnapshot(fsys, files[len(files)-1])
	if err != nil {
		return nil, err
	}
	if damage != nil {
		return nil, damage
	}
	return []SnapshotInfo{info}, nil
}

// scanTap hands the entries of a scan to a walk.
type scanTap struct{ w *walker[step] }

func (t scanTap) window() []byte                 { return t.w.window() }
func (t scanTap) entry(at place, e raftpb.Entry) { t.w.add(at, e) }
