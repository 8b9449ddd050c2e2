package raftlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"runtime"
	"testing"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
)

// encode writes records as etcd does, by a second hand.
func encode(records ...walpb.Record) []byte {
	var out []byte
	var crc uint32
	for _, rec := range records {
		if rec.Type == wal.CrcType {
			crc = rec.Crc
		}
		crc = crc32.Update(crc, crc32.MakeTable(crc32.Castagnoli), rec.Data)
		rec.Crc = crc
		body, _ := rec.Marshal()
		pad := -len(body) & 7
		field := uint64(len(body))
		if pad != 0 {
			field |= uint64(0x80|pad) << 56
		}
		out = binary.LittleEndian.AppendUint64(out, field)
		out = append(append(out, body...), make([]byte, pad)...)
	}
	return out
}

func records() []walpb.Record {
	return []walpb.Record{
		{Type: wal.CrcType, Crc: 0xdeadbeef},
		{Type: wal.MetadataType, Data: []byte("metadata")},
		{Type: wal.EntryType, Data: bytes.Repeat([]byte("entry"), 300)},
		{Type: wal.StateType, Data: []byte{1}},
		{Type: 77, Data: []byte("any")},
	}
}

func decodeAll(segment []byte) ([]walpb.Record, error) {
	f := newFrames(bytes.NewReader(segment), int64(len(segment)), 0xdeadbeef, noTap(make([]byte, 64)).window)
	var all []walpb.Record
	for {
		fr, err := f.next()
		if err != nil {
			return all, err
		}
		all = append(all, walpb.Record{Type: fr.kind, Crc: fr.crc, Data: bytes.Clone(fr.data)})
	}
}

func TestFramesRoundTrip(t *testing.T) {
	want := records()
	for _, fill := range []int{0, 8, 100000} {
		got, err := decodeAll(append(encode(want...), make([]byte, fill)...))
		if !errors.Is(err, io.EOF) || len(got) != len(want) {
			t.Fatalf("filled with %d zeros: %d records, %v", fill, len(got), err)
		}
		for i := range want {
			if got[i].Type != want[i].Type || !bytes.Equal(got[i].Data, want[i].Data) {
				t.Errorf("record %d: %v", i, got[i])
			}
		}
	}
}

func TestBadFrames(t *testing.T) {
	frame := func(field uint64, body ...byte) []byte {
		return append(binary.LittleEndian.AppendUint64(nil, field), body...)
	}
	zeroSector := encode(walpb.Record{Type: wal.EntryType, Data: bytes.Repeat([]byte{9}, 2000)})
	clear(zeroSector[512:1024])
	wrong := encode(records()[1:2]...)
	for name, test := range map[string]struct {
		segment []byte
		torn    bool
	}{
		"cut header":             {[]byte{1, 2, 3}, true},
		"cut header of zeros":    {[]byte{0, 0, 0}, true},
		"no body":                {frame(16), true},
		"cut body":               {frame(16, 8, 1, 16, 1), true},
		"length beyond the file": {encode(records()[2:3]...)[:700], true},
		"sector of zeros":        {zeroSector, true},
		"length not of record":   {frame(0x4000, encode(records()[1:2]...)[8:]...), false},
		"flags without padding":  {frame(0x80<<56|8, make([]byte, 8)...), false},
		"padding without flag":   {frame(0x03<<56|5, make([]byte, 8)...), false},
		"other flags":            {frame(0x90<<56|8, make([]byte, 8)...), false},
		"length not of eight":    {frame(9, make([]byte, 16)...), false},
		"only padding":           {frame(0x87<<56, make([]byte, 16)...), false},
		"length of exabytes":     {frame(1<<55, make([]byte, 16)...), false},
		"no protobuf":            {frame(8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), false},
		"other checksum":         {wrong, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decodeAll(test.segment)
			var bad *frameError
			if !errors.As(err, &bad) || bad.torn != test.torn {
				t.Errorf("got %#v", err)
			}
		})
	}
}

// Whatever the bytes: no panic, and what is read encodes to what was there.
func FuzzFrames(f *testing.F) {
	seed := encode(records()...)
	if got, err := decodeAll(seed); len(got) != len(records()) || !errors.Is(err, io.EOF) {
		f.Fatalf("the seed has %d records, %v", len(got), err)
	}
	for _, n := range []int{0, 7, 8, 40, len(seed)} {
		f.Add(seed[:n])
	}
	f.Fuzz(func(t *testing.T, segment []byte) {
		var got []walpb.Record
		var err error
		// What is read is copied here; a window is never larger than its segment.
		if n := Allocated(func() { got, err = decodeAll(segment) }); n > 8*uint64(len(segment))+1<<20 {
			t.Fatalf("%d bytes were allocated for a segment of %d", n, len(segment))
		}
		if err == nil {
			t.Fatal("no end")
		}
		var bad *frameError
		if !errors.Is(err, io.EOF) && !errors.As(err, &bad) {
			t.Fatal(err)
		}
		again, _ := decodeAll(encode(append([]walpb.Record{{Type: wal.CrcType, Crc: 0xdeadbeef}}, got...)...))
		if len(got) > 0 && len(again) != len(got)+1 && !hasCrc(got) {
			t.Fatalf("%d records read again as %d", len(got), len(again))
		}
	})
}

// Allocated counts the bytes that f allocates, freed or not.
func Allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func hasCrc(all []walpb.Record) bool {
	for _, rec := range all {
		if rec.Type == wal.CrcType {
			return true
		}
	}
	return false
}
