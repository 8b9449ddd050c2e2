package raftlog

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
)

// FuzzRecord holds the reader of records against that of etcd: what ours takes,
// etcd reads just the same. Where ours looks ahead at a length, it is that of
// the record.
func FuzzRecord(f *testing.F) {
	for _, rec := range records() {
		body, _ := rec.Marshal()
		fr, ok := parseRecord(body)
		if !ok || fr.kind != rec.Type || fr.crc != rec.Crc || !bytes.Equal(fr.data, rec.Data) {
			f.Fatalf("seed %v was read as %v", rec, fr)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		fr, ok := parseRecord(body)
		if !ok {
			return
		}
		var rec walpb.Record
		if err := rec.Unmarshal(body); err != nil {
			t.Fatalf("taken, and etcd says %v", err)
		}
		if fr.kind != rec.Type || fr.crc != rec.Crc || !bytes.Equal(fr.data, rec.Data) {
			t.Fatalf("read as %v, by etcd as %v", fr, rec)
		}
		long := rec.Type == wal.CrcType && rec.Data != nil || len(body) > maxRecordBytes // an engine writes none of it
		if own, ok := recordLength(body); !long && len(rec.Data) > 0 && (!ok || own != len(body)) {
			t.Fatalf("its length was read as %d, %t", own, ok)
		}
	})
}

// FuzzEntry holds the reader of entries against that of raft: both take the same
// and read the same.
func FuzzEntry(f *testing.F) {
	for _, e := range []raftpb.Entry{
		{Term: 1, Index: 1},
		{Term: 3, Index: 300, Type: raftpb.EntryConfChange, Data: []byte("change")},
		{Term: 1 << 63, Index: 1 << 40, Data: bytes.Repeat([]byte("data"), 100)},
	} {
		body, _ := e.Marshal()
		if got, damage := parseEntry(body); damage != nil || !cmp.Equal(got, e) {
			f.Fatalf("seed %v was read as %v, %v", e, got, damage)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var want raftpb.Entry
		err := want.Unmarshal(body)
		got, damage := parseEntry(body)
		if (damage == nil) != (err == nil) {
			t.Fatalf("damage %v, raft says %v", damage, err)
		}
		if damage == nil && !cmp.Equal(got, want) {
			t.Fatalf("read as %v, by raft as %v", got, want)
		}
	})
}
