package wire_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

// TestEnginesWriteTidily guards the cost: what is not tidy is rendered twice.
func TestEnginesWriteTidily(t *testing.T) {
	for _, s := range []sample{
		of[api.Node](), of[api.Service](), of[api.Network](), of[api.Task](), of[api.Secret](), of[api.Config](), of[api.Volume](),
	} {
		tidy := 0
		for seed := range uint64(100) {
			m := s.empty()
			newFiller(seed, 60).fill(m)
			raw := marshal(t, m)
			if _, err := s.shape.AppendJSON(nil, raw, true); err == nil && !wire.Untidy(s.shape, raw) {
				tidy++
			}
		}
		if tidy < 90 {
			t.Errorf("%s: only %d of 100 are tidy", s.name, tidy)
		}
	}
	if wire.Untidy(wire.Type("Task"), marshal(t, task())) {
		t.Error("a task is not tidy")
	}
}

// TestUntidy renders the same whatever the order of the fields.
func TestUntidy(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	shape, raw := wire.Type("Task"), marshal(t, task())
	want, err := shape.AppendJSON(nil, raw, false)
	must(t, err)
	for range 50 {
		other := shuffled(t, raw, rng)
		if bytes.Equal(other, raw) {
			continue
		}
		if !wire.Untidy(shape, other) {
			t.Fatalf("%x is tidy", other)
		}
		got, err := shape.AppendJSON([]byte("kept"), other, false)
		must(t, err)
		if string(got) != "kept"+string(want) {
			t.Fatalf("got %s\nwant %s", got, want)
		}
	}
}

// TestBehindTidyFields has what the last bytes alone make invalid.
func TestBehindTidyFields(t *testing.T) {
	raw := marshal(t, task())
	tests := []struct {
		name, end string
		valid     bool
	}{
		{"unknown field", "\xa0\x01\x01", true},
		{"unknown group left open", "\xa3\x01\x08\x01", false},
		{"varint as string", "\x82\x01\x01a", false},
		{"message", "\x82\x01\x02\x08\x01", true},
		{"message cut", "\x82\x01\x02\x08\x80", false},
		{"message as varint", "\x80\x01\x01", false},
		{"list as varint", "\x88\x01\x01", false},
		{"field again, cut", "\x72\x02\x08\x80", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all := slices.Concat(raw, []byte(tt.end))
			sameAsOracle(t, of[api.Task](), all)
			if _, err := wire.Type("Task").AppendJSON(nil, all, false); (err == nil) != tt.valid {
				t.Errorf("got %v", err)
			}
		})
	}
}
