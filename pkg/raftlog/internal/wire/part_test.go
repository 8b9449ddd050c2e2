package wire_test

import (
	"bytes"
	"testing"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

func TestPart(t *testing.T) {
	tests := []struct {
		name, raw  string
		at         int
		tag        byte
		begin, end int
	}{
		{"string", "\x0a\x03abcd", 0, 0x0a, 2, 5},
		{"empty string", "\x0a\x00", 0, 0x0a, 2, 2},
		{"string of two bytes of length", "\x0a\x83\x00abc", 0, 0x0a, 3, 6},
		{"varint", "\x08\xff\x01", 0, 0x08, 1, 3},
		{"behind another", "\x08\x01\x12\x01a", 2, 0x12, 4, 5},
		{"nothing", "", 0, 0, 0, 0},
		{"at the end", "\x08\x01", 2, 0, 0, 0},
		{"cut string", "\x0a\x03ab", 0, 0, 0, 0},
		{"cut varint", "\x08\xff", 0, 0, 0, 0},
		{"huge length", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 0, 0, 0, 0},
		{"number zero", "\x02\x00", 0, 0, 0, 0},
		{"long tag", "\x82\x01\x00", 0, 0, 0, 0},
		{"fixed", "\x0d\x01\x02\x03\x04", 0, 0, 0, 0},
	}
	for _, tc := range tests {
		// What lies behind the message must not matter.
		raw := append([]byte(tc.raw), bytes.Repeat([]byte{1}, 16)...)[:len(tc.raw)]
		tag, begin, end := wire.Part(raw, tc.at)
		if tag != tc.tag || begin != tc.begin || end != tc.end {
			t.Errorf("%s: tag %d from %d to %d, not %d from %d to %d", tc.name, tag, begin, end, tc.tag, tc.begin, tc.end)
		}
	}
}

// FuzzPart: Part says what Next says, or nothing, and something of the common
// fields.
func FuzzPart(f *testing.F) {
	for _, s := range samples() {
		full := s.empty()
		newFiller(1, 100).fill(full)
		raw := marshal(f, full)
		if len(raw) == 0 {
			f.Fatal("empty seed")
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) == 0 {
			return
		}
		field, rest, err := wire.Next(raw)
		tag, begin, end := wire.Part(raw, 0)
		common := err == nil && raw[0] < 0x80 && (field.Wire == 0 || field.Wire == 2)
		if tag == 0 {
			if common {
				t.Fatalf("nothing, but it is %+v", field)
			}
			return
		}
		if !common || int(tag) != field.Number<<3|field.Wire || end != len(raw)-len(rest) {
			t.Fatalf("tag %d to %d, but it is %+v, %v", tag, end, field, err)
		}
		if field.Wire == 2 && !bytes.Equal(raw[begin:end], field.Data) || begin > end {
			t.Fatalf("value from %d to %d, but it is %+v", begin, end, field)
		}
	})
}
