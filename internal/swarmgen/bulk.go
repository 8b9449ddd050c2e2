package swarmgen

import (
	"runtime"
	"sync"

	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/manager/encryption"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
)

// batch is how many entries are encrypted at a time.
const batch = 1024

// bulk appends to the log of a swarm that is closed: with etcd's writer, but
// encrypted on all cores and without an fsync for each entry. It keeps no entry
// in memory.
type bulk struct {
	t         TB
	wal       *wal.WAL
	encrypter encryption.Encrypter
	st        raftpb.HardState
	queue     []raftpb.Entry
	last      uint64
}

func newBulk(s *Swarm) *bulk {
	s.t.Helper()
	b := &bulk{t: s.t}
	b.encrypter, _ = encryption.Defaults(s.id.dek(), s.o.fernet())
	var from walpb.Snapshot
	if s.base > 0 {
		state := s.confState()
		from = walpb.Snapshot{Index: s.base, Term: s.term, ConfState: &state}
	}
	must(s.t, s.sized(func() error { return b.open(s, from) }))
	b.last = s.Index()
	return b
}

func (b *bulk) open(s *Swarm, from walpb.Snapshot) error {
	var err error
	if b.wal, err = wal.Open(nil, s.WALDir(), from); err != nil {
		return err
	}
	_, b.st, _, err = b.wal.ReadAll()
	b.wal.SetUnsafeNoFsync()
	return err
}

// entry queues the next entry; the actions are marshalled before it returns.
func (b *bulk) entry(actions ...api.StoreAction) {
	b.t.Helper()
	b.last++
	data, err := (&api.InternalRaftRequest{ID: b.last, Action: actions}).Marshal()
	must(b.t, err)
	b.queue = append(b.queue, raftpb.Entry{Index: b.last, Term: b.st.Term, Type: raftpb.EntryNormal, Data: data})
	if len(b.queue) == batch {
		b.flush()
	}
}

func (b *bulk) flush() {
	b.t.Helper()
	must(b.t, encryptAll(b.queue, b.encrypter))
	must(b.t, withSegments(engineSegment, func() error { return b.save() }))
	b.queue = b.queue[:0]
}

// save writes entry and commit in turns, as raft does.
func (b *bulk) save() error {
	for _, e := range b.queue {
		if err := b.wal.Save(raftpb.HardState{}, []raftpb.Entry{e}); err != nil {
			return err
		}
		b.st.Commit = e.Index
		if err := b.wal.Save(b.st, nil); err != nil {
			return err
		}
	}
	return nil
}

func (b *bulk) close() {
	b.t.Helper()
	b.flush()
	must(b.t, b.wal.Close())
}

// encryptAll replaces the data of each entry by its record.
func encryptAll(entries []raftpb.Entry, encrypter encryption.Encrypter) error {
	workers := runtime.GOMAXPROCS(0)
	errs := make([]error, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := w; i < len(entries) && errs[w] == nil; i += workers {
				entries[i].Data, errs[w] = encryption.Encrypt(entries[i].Data, encrypter)
			}
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
