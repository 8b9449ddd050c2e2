package wire_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

func TestType(t *testing.T) {
	for _, s := range samples() {
		if s.shape == nil {
			t.Fatalf("no shape for %s", s.name)
		}
	}
	if wire.Type("Mount.VolumeOptions") == nil {
		t.Error("no shape for a nested message")
	}
	for _, name := range []string{"", "Nonsense", "ProcessRaftMessageRequest", "Annotations.LabelsEntry.Nonsense"} {
		if wire.Type(name) != nil {
			t.Errorf("%q has a shape", name)
		}
	}
}

// TestMalformed holds both against each other where they could differ.
func TestMalformed(t *testing.T) {
	ten := strings.Repeat("\x80", 9)
	tests := []struct {
		name, kind, raw string
		valid           bool
	}{
		{"nothing", "Task", "", true},
		{"tag alone", "Task", "\x0a", false},
		{"cut string", "Task", "\x0a\x05abc", false},
		{"cut length", "Task", "\x0a\x80", false},
		{"huge length", "Task", "\x0a" + ten[:8] + "\xff\x01", false},
		{"negative length", "Task", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", false},
		{"number zero", "Task", "\x02\x00", false},
		{"string as varint", "Task", "\x08\x01", false},
		{"varint as string", "Task", "\x2a\x00", false},
		{"message as group", "Task", "\x13\x14", false},
		{"end of group", "Task", "\x0c", false},
		{"wire type six", "Task", "\x0e\x00", false},
		{"wire type six, unknown", "Task", "\xfe\x01\x00", false},
		{"ten bytes", "Task", "\x28" + ten + "\x7f", true},
		{"eleven bytes", "Task", "\x28" + ten + "\x80\x01", false},
		{"long tag", "Task", "\x8a\x80\x00\x01a", true},
		{"number beyond 32 bits", "Task", "\x8a\x80\x80\x80\x80\x01\x01a", true},
		{"negative number", "Task", "\x82\x80\x80\x80\x40\x00", false},
		{"unknown group", "Task", "\xfb\x07\x08\x01\x13\x14\x04", true},
		{"unknown group left open", "Task", "\xfb\x07\x08\x01", false},
		{"unknown fixed, cut", "Task", "\xf9\x07\x01\x02", false},
		{"message cut", "Task", "\x12\x04\x0a\x02\x08", false},
		{"varint beyond its message", "Task", "\x12\x04\x0a\x02\x08\x80\x01\x01\x01\x01\x01\x01\x01\x01", false},
		{"string beyond its message", "Task", "\x3a\x02\x0a\x05abcdefgh", false},
		{"map", "Annotations", "\x12\x06\x0a\x01a\x12\x01b", true},
		{"map, key beyond the entry", "Annotations", "\x12\x02\x0a\x03\x0a\x01a", true},
		{"map, key beyond the message", "Annotations", "\x12\x02\x0a\x04ab", false},
		{"map, key as varint", "Annotations", "\x12\x03\x08\x01a", true},
		{"map, unknown field", "Annotations", "\x12\x02\x18\x01", true},
		{"map, unknown field beyond the entry", "Annotations", "\x12\x01\x18\x01", false},
		{"map as varint", "Annotations", "\x10\x01", false},
		{"packed", "ClusterSnapshot", "\x12\x03\x01\x80\x01", true},
		{"packed, none", "ClusterSnapshot", "\x12\x00", true},
		{"packed beyond its end", "ClusterSnapshot", "\x12\x02\x01\x80\x01", true},
		{"packed, cut", "ClusterSnapshot", "\x12\x02\x01\x80", false},
		{"packed and not", "ClusterSnapshot", "\x12\x01\x01\x10\x02", true},
		{"list as fixed", "ClusterSnapshot", "\x15\x01\x02\x03\x04", false},
		{"float", "UpdateConfig", "\x2d\x00\x00\x80\x3f", true},
		{"float, cut", "UpdateConfig", "\x2d\x00\x00\x80", false},
		{"float as varint", "UpdateConfig", "\x28\x01", false},
		{"delay", "UpdateConfig", "\x12\x02\x08\x01", true},
		{"delay of too many nanoseconds", "UpdateConfig", "\x12\x06\x10\x80\x94\xeb\xdc\x03", false},
		{"delay of 300 years", "UpdateConfig", "\x12\x06\x08\xff\xff\xff\xff\x2f", false},
		{"delay of two signs", "UpdateConfig", "\x12\x0d\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", false},
		{"delay as varint", "UpdateConfig", "\x10\x01", false},
	}
	empty := map[string]func() message{
		"Task": func() message { return &api.Task{} }, "Annotations": func() message { return &api.Annotations{} },
		"ClusterSnapshot": func() message { return &api.ClusterSnapshot{} }, "UpdateConfig": func() message { return &api.UpdateConfig{} },
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := sample{tt.kind, wire.Type(tt.kind), empty[tt.kind]}
			sameAsOracle(t, s, []byte(tt.raw))
			if _, err := s.shape.Check([]byte(tt.raw)); (err == nil) != tt.valid {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestCutAnywhere cuts a task in many places, and changes bytes there.
func TestCutAnywhere(t *testing.T) {
	s, raw := of[api.Task](), marshal(t, task())
	for n := 0; n < len(raw); n += 3 {
		sameAsOracle(t, s, raw[:n])
		for _, b := range []byte{0, 0x80, 0xff, raw[n] ^ 1, raw[n] ^ 4} {
			changed := bytes.Clone(raw)
			changed[n] = b
			sameAsOracle(t, s, changed)
		}
	}
}

func TestErrorOffset(t *testing.T) {
	raw := marshal(t, task())
	at := bytes.Index(raw, []byte("SHOP_SETTING_10")) - 2
	raw[at+1] = 0xff // the length
	_, err := wire.Type("Task").Check(raw)
	var e *wire.Error
	if !errors.As(err, &e) || e.Offset != at {
		t.Errorf("got %v, want offset %d", err, at)
	}
	if strings.Contains(err.Error(), "SHOP") {
		t.Errorf("content in %v", err)
	}
}

// TestNewer puts a field that nobody knows into each message of a task.
func TestNewer(t *testing.T) {
	unknown := []byte{0xf8, 0x3f, 1} // number 1023
	shape := wire.Type("Task")
	for _, path := range [][]int{
		{}, {2}, {2, 1}, {2, 3}, {3}, {3, 1}, {3, 1, 8}, {3, 1, 12}, {3, 1, 12, 3}, {3, 1, 16}, {9}, {9, 5}, {11}, {11, 1}, {11, 1, 3}, {11, 1, 5, 3}, {3, 1, 2},
	} {
		raw := planted1(t, marshal(t, task()), unknown, path)
		newer, err := shape.Check(raw)
		if !newer || err != nil {
			t.Errorf("below %v: newer %v, error %v", path, newer, err)
		}
		must(t, new(api.Task).Unmarshal(raw))
		text, err := shape.AppendJSON(nil, raw, true)
		must(t, err)
		want, err := shape.AppendJSON(nil, marshal(t, task()), true)
		must(t, err)
		if !reflect.DeepEqual(tree(t, text), tree(t, want)) {
			t.Errorf("below %v: %s", path, text)
		}
	}
	member := []byte{0x1a, 6, 0xa2, 1, 3, 0x0a, 1, 'x'} // spec: member 20 of runtime
	if newer, err := shape.Check(member); !newer || err != nil {
		t.Errorf("member of a oneof: newer %v, error %v", newer, err)
	}
}

// planted1 appends bytes to the last message at a path.
func planted1(t *testing.T, raw, extra []byte, path []int) []byte {
	if len(path) == 0 {
		return append(bytes.Clone(raw), extra...)
	}
	var out []byte
	for len(raw) > 0 {
		f, rest, err := wire.Next(raw)
		must(t, err)
		whole := raw[:len(raw)-len(rest)]
		if f.Number == path[0] {
			data := planted1(t, f.Data, extra, path[1:])
			whole = slices.Concat(uvarint(uint64(f.Number)<<3|2), uvarint(uint64(len(data))), data)
		}
		out = append(out, whole...)
		raw = rest
	}
	return out
}

func uvarint(v uint64) []byte {
	var out []byte
	for ; v >= 0x80; v >>= 7 {
		out = append(out, byte(v)|0x80)
	}
	return append(out, byte(v))
}

func TestBytesAndUint(t *testing.T) {
	raw := marshal(t, task())
	if got := wire.Bytes(raw, 3, 1, 1); !strings.HasPrefix(string(got), "registry.example.com/") {
		t.Errorf("got image %q", got)
	}
	if got := wire.Uint(raw, 2, 1, 1); got != 48213 {
		t.Errorf("got index %d", got)
	}
	twice := append(bytes.Clone(raw), "\x0a\x03new"...)
	if got := wire.Bytes(twice, 1); string(got) != "new" {
		t.Errorf("got ID %q", got)
	}
	if wire.Bytes(raw, 99) != nil || wire.Bytes(raw, 5) != nil || wire.Bytes(raw[:len(raw)-1], 1) != nil || wire.Uint(raw, 1) != 0 {
		t.Error("found what is not there")
	}
	if got := wire.Bytes([]byte("\x0a\x00"), 1); got == nil {
		t.Error("an empty value is nil")
	}
	allocs := testing.AllocsPerRun(100, func() {
		wire.Bytes(raw, 3, 1, 1)
		wire.Uint(raw, 2, 1, 1)
		_, _ = wire.Type("Task").Check(raw)
	})
	if allocs > 1 { // Type's key
		t.Errorf("%v allocations", allocs)
	}
}

// hostile are messages on which a careless reader takes more than linear time.
func hostile(n int) map[string][]byte {
	pairs := func(a, b string) []byte { return bytes.Repeat([]byte(a+b), n) }
	return map[string][]byte{
		"meta again and again":  pairs("\x12\x02\x0a\x00", "\x12\x00"),
		"lists with gaps":       pairs("\x5a\x00", "\x7a\x00"),
		"falling numbers":       pairs("\x5a\x00", "\x0a\x00"),
		"unknown in between":    pairs("\xf8\x07\x01", "\x0a\x00"),
		"members of a oneof":    slices.Concat([]byte{0x1a}, uvarint(uint64(4*n)), pairs("\x0a\x00", "\x42\x00")),
		"variables of one name": env(n, "A=b"),
		"open groups":           bytes.Repeat([]byte{0xfb, 7}, n),
		"groups":                slices.Concat(bytes.Repeat([]byte{0xfb, 7}, n), bytes.Repeat([]byte{0xfc, 7}, n)),
		"labels of one key":     slices.Concat([]byte{0x3a}, uvarint(uint64(8*n)), bytes.Repeat([]byte("\x12\x06\x0a\x01a\x12\x01b"), n)),
		"deep and not in order": deep(n),
	}
}

func env(n int, v string) []byte {
	list := bytes.Repeat(append([]byte{0x2a, byte(len(v))}, v...), n)
	container := slices.Concat([]byte{0x0a}, uvarint(uint64(len(list))), list)
	return slices.Concat([]byte{0x1a}, uvarint(uint64(len(container))), container)
}

// deep nests messages each of which is in a wrong order.
func deep(n int) []byte {
	raw := bytes.Repeat([]byte("\x12\x00\x0a\x00"), n)
	for _, number := range []uint64{2, 1, 5, 1, 11} { // task networks network ipam driver options
		raw = slices.Concat(uvarint(number<<3|2), uvarint(uint64(len(raw))), raw)
		raw = slices.Concat(raw, []byte{1<<3 | 2, 0})
	}
	return raw
}

// TestTimeIsLinear would take minutes if it were not.
func TestTimeIsLinear(t *testing.T) {
	const n = 100_000
	shape := wire.Type("Task")
	other := marshal(t, task())
	for name, raw := range hostile(n) {
		began := time.Now()
		text, err := shape.AppendJSON(nil, raw, false)
		changes, _ := shape.Changes(raw, other, false)
		more, _ := shape.Changes(raw, raw[:len(raw)/2], false)
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s: %v", name, took)
		}
		if len(text) > 100*len(raw) || len(changes)+len(more) > len(raw) {
			t.Errorf("%s: %d bytes become %d (%v) and %d changes", name, len(raw), len(text), err, len(changes))
		}
	}
}
