package wire_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/gogo/protobuf/jsonpb"
	"github.com/gogo/protobuf/proto"
	"github.com/gogo/protobuf/types"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

// opaque shows the payload of a google.protobuf.Any as its bytes.
type opaque struct{ content []byte }

type opaqueResolver struct{}

func (opaqueResolver) Resolve(string) (proto.Message, error) { return &opaque{}, nil }

func (p *opaque) Reset()         { p.content = nil }
func (p *opaque) String() string { return "" }
func (p *opaque) ProtoMessage()  {}

func (p *opaque) Unmarshal(content []byte) error {
	p.content = bytes.Clone(content)
	return nil
}

func (p *opaque) MarshalJSONPB(*jsonpb.Marshaler) ([]byte, error) {
	return json.Marshal(map[string]any{"@value": p.content})
}

// oracle is the JSON of gogo's jsonpb.
func oracle(m message) (any, error) {
	var text bytes.Buffer
	if err := (&jsonpb.Marshaler{AnyResolver: opaqueResolver{}}).Marshal(&text, m); err != nil {
		return nil, err
	}
	var tree any
	return tree, json.Unmarshal(text.Bytes(), &tree)
}

func tree(t testing.TB, text []byte) any {
	t.Helper()
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return tree
}

// sameAsOracle compares what both make of raw, which may be invalid.
func sameAsOracle(t testing.TB, s sample, raw []byte) {
	t.Helper()
	m := s.empty()
	unmarshalled := m.Unmarshal(raw)
	_, err := s.shape.Check(raw)
	if (err == nil) != (unmarshalled == nil) {
		t.Fatalf("%s %x: Check says %v, Unmarshal %v", s.name, raw, err, unmarshalled)
	}
	text, got := s.shape.AppendJSON(nil, raw, true)
	if unmarshalled != nil {
		if got == nil {
			t.Fatalf("%s %x: rendered though invalid", s.name, raw)
		}
		return
	}
	want, err := oracle(m)
	if (err == nil) != (got == nil) {
		t.Fatalf("%s %x: AppendJSON says %v, jsonpb %v", s.name, raw, got, err)
	}
	if err != nil {
		return
	}
	if diff := cmp.Diff(want, tree(t, text)); diff != "" {
		t.Fatalf("%s %x: jsonpb (-) and AppendJSON (+) differ:\n%s", s.name, raw, diff)
	}
}

func TestJSONIsThatOfJSONPB(t *testing.T) {
	for _, s := range samples() {
		for seed := range uint64(200) {
			m := s.empty()
			newFiller(seed, 20+int(seed)%81).fill(m)
			raw := marshal(t, m)
			sameAsOracle(t, s, raw)
			newer, err := s.shape.Check(raw)
			if newer || err != nil {
				t.Fatalf("%s %d: newer %v, error %v", s.name, seed, newer, err)
			}
		}
		sameAsOracle(t, s, nil)
	}
}

// TestOutOfRange has values that are valid on the wire but not in JSON.
func TestOutOfRange(t *testing.T) {
	s := of[api.Task]()
	for _, at := range []types.Timestamp{{Nanos: -1}, {Nanos: 1e9}, {Seconds: -1 << 62}, {Seconds: 1 << 40}, {Seconds: -1, Nanos: 999999999}} {
		sameAsOracle(t, s, marshal(t, &api.Task{Meta: api.Meta{CreatedAt: &at}}))
	}
	for _, d := range []types.Duration{
		{Nanos: -1}, {Nanos: 1e9}, {Nanos: -1e9}, {Seconds: 1, Nanos: -1}, {Seconds: -1, Nanos: 1}, {Seconds: -1, Nanos: -1},
		{Seconds: 315576000000}, {Seconds: 315576000001}, {Seconds: -315576000001},
	} {
		sameAsOracle(t, s, marshal(t, &api.Task{Spec: api.TaskSpec{Restart: &api.RestartPolicy{Delay: &d}}}))
	}
	_, err := s.shape.AppendJSON([]byte("kept"), marshal(t, &api.Task{Meta: api.Meta{CreatedAt: &types.Timestamp{Nanos: -1}}}), true)
	if err == nil || err.Error() != "decode message: timestamp out of range" {
		t.Errorf("got %v", err)
	}
}

func FuzzSameAsOracle(f *testing.F) {
	all := samples()
	seeds := 0
	for i, s := range all {
		for seed := range uint64(3) {
			m := s.empty()
			newFiller(seed, 60).fill(m)
			if raw := marshal(f, m); len(raw) > 0 {
				f.Add(uint8(i), raw)
				seeds++
			}
		}
	}
	if seeds < 2*len(all) {
		f.Fatal("too few seeds")
	}
	f.Fuzz(func(t *testing.T, which uint8, raw []byte) {
		s := all[int(which)%len(all)]
		sameAsOracle(t, s, raw)
		text, err := s.shape.AppendJSON(nil, raw, false)
		if err == nil && !json.Valid(text) {
			t.Fatalf("%s %x: invalid JSON %s", s.name, raw, text)
		}
		wire.Bytes(raw, 3, 1)
		wire.Uint(raw, 2, 1, 1)
	})
}
