// Package raftlog reads the raft log of a swarm manager without ever writing
// to it, replays it to the objects of the swarm, and writes a rebuilt
// single-member log into a new place.
//
// Most callers need [Open] and [Log.State]; an investigator wants
// [Log.Entries] and [Diff] as well, a recovery [WriteRebuilt] or [KeepTail].
//
// The package knows files, never an engine: it takes no lock, repairs nothing
// and follows no path outside of the [io/fs.FS] it was given. It decrypts by
// the [Decrypter] of its caller; without one it still tells what the log holds
// in clear: who the manager is, which indexes it has, and whether it is intact.
//
// # Layout
//
// Docker Engine 1.13 and later keep, below the swarm directory:
//
//	raft/wal-v3-encrypted/SEQ-INDEX.wal      segments of the log
//	raft/snap-v3-encrypted/TERM-INDEX.snap   raft snapshots, often none
//
// with every name part in 16 hexadecimal digits. Files ending in .tmp are
// space allocated in advance, files ending in .broken were set aside by the
// engine; both are passed over.
//
// A segment is a row of frames (go.etcd.io/etcd/server/v3/storage/wal):
//
//	8 bytes   little endian: length in the low 56 bits, 0x80|padding on top
//	n bytes   walpb.Record: type, CRC-32C, data
//	0-7 bytes padding to a multiple of 8
//
// The checksum is taken over the data of all records so far, across segments.
// A length of zero ends a segment. Only the data of log entries and of raft
// snapshots is encrypted, each as one swarmkit MaybeEncryptedRecord.
//
// # What counts as intact
//
// A manager that lost power may leave its last record half written. The engine
// never acknowledged that record, so it is no error: reading ends there and
// [Log.Torn] tells where. Anything else that does not fit, be it a checksum, a
// missing segment or an index that jumps, is a [*DamageError].
//
// # Keys
//
// The engine changes the key of the log when autolock is switched on, and drops
// the old one once a raft snapshot is written, while entries before the
// snapshot stay on disk (seen on 20.10.24). They read as [EntryUnreadable]; the
// state does not need them.
//
// # The tail
//
// Raft writes its commit index with the batch that follows, so the one on disk
// lags behind, and acknowledged writes lie beyond it. [Log.State] therefore
// replays the whole log unless told otherwise.
package raftlog
