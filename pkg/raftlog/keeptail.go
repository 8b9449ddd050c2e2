package raftlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
)

// KeepTail prepares a copy of a swarm directory for the engine's own
// force-new-cluster, which drops the entries beyond the commit index on disk,
// acknowledged writes among them: it appends a hard state whose commit index is
// that of the last entry. A torn tail is cut off first, as some engines refuse
// to start on it. If neither is needed, nothing is written.
//
// It is for a copy, never for a live directory; a log that an engine has open
// is refused. It needs no key. The errors are those of [Open], and of the file
// system.
func KeepTail(dir string) error {
	l, err := Open(os.DirFS(dir), nil)
	if err != nil {
		return err
	}
	old, last := l.HardState(), l.LastIndex()
	if old.Commit > last {
		// A torn tail cannot explain it: the hard state follows its entries.
		return &DamageError{File: l.layout.wal, What: fmt.Sprintf("commit index is %d, last entry %d", old.Commit, last)}
	}
	if err := l.cut(dir); err != nil {
		return err
	}
	if old.Commit == last {
		return nil
	}
	st := raftpb.HardState{Term: max(old.Term, l.LastTerm()), Vote: old.Vote, Commit: last}
	return appendState(filepath.Join(dir, l.layout.wal), l.RaftSnapshot(), st)
}

// cut removes a torn record. Nothing is left of a segment torn in its header.
func (l *Log) cut(dir string) error {
	torn := l.Torn()
	if torn == nil {
		return nil
	}
	name := filepath.Join(dir, filepath.FromSlash(torn.File))
	lock, err := fileutil.TryLockFile(name, os.O_RDWR, fileutil.PrivateFileMode)
	if err != nil {
		return fmt.Errorf("lock torn segment: %w", err)
	}
	defer lock.Close()
	if l.scan.header == 0 {
		err = os.Remove(name)
	} else {
		err = lock.Truncate(torn.Offset)
	}
	if err != nil {
		return fmt.Errorf("cut torn record: %w", err)
	}
	return nil
}

func appendState(dir string, from SnapshotInfo, st raftpb.HardState) error {
	w, err := wal.Open(nil, dir, walpb.Snapshot{Index: from.Index, Term: from.Term})
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	_, _, _, err = w.ReadAll()
	if err == nil {
		err = w.Save(st, nil)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		return fmt.Errorf("append hard state: %w", err)
	}
	return nil
}
