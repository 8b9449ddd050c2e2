package raftlog

import (
	"bytes"
	"testing"

	"github.com/moby/swarmkit/v2/api"
)

// stepOf is an entry as a walk leaves it, in a buffer of its own.
func stepOf(t *testing.T, index uint64, capacity int, actions ...api.StoreAction) step {
	t.Helper()
	raw := request(t, actions...)
	plain := append(make([]byte, 0, max(capacity, len(raw))), raw...)
	all, err := appendActions(nil, plain)
	if err != nil {
		t.Fatal(err)
	}
	return step{index: index, actions: all, plain: &plain}
}

// Whatever exchange takes must end as apply has it, and nothing else be touched.
func TestExchangeIsApply(t *testing.T) {
	tests := []struct {
		name    string
		actions []api.StoreAction
		taken   bool
	}{
		{"update", []api.StoreAction{onTask(api.StoreActionKindUpdate, "there")}, true},
		{"creation", []api.StoreAction{onTask(api.StoreActionKindCreate, "new")}, true},
		{"update of nothing", []api.StoreAction{onTask(api.StoreActionKindUpdate, "new")}, false},
		{"second creation", []api.StoreAction{onTask(api.StoreActionKindCreate, "there")}, false},
		{"removal", []api.StoreAction{onTask(api.StoreActionKindRemove, "there")}, false},
		{"empty entry", nil, false},
		{"two", []api.StoreAction{onTask(api.StoreActionKindCreate, "new"), onTask(api.StoreActionKindUpdate, "new")}, false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got, want := NewState(), NewState()
			for _, st := range []*State{got, want} {
				st.apply(1, stepOf(t, 1, 0, onTask(api.StoreActionKindCreate, "there")).actions)
			}
			s := stepOf(t, 2, 0, tc.actions...)
			if taken := got.exchange(&s); taken != tc.taken {
				t.Fatalf("taken: %v", taken)
			}
			if !tc.taken {
				got.apply(2, s.actions)
			}
			clear(*s.plain) // the next entry is decrypted to it
			want.apply(2, stepOf(t, 2, 0, tc.actions...).actions)
			sameTables(t, got, want)
		})
	}
}

func sameTables(t *testing.T, got, want *State) {
	t.Helper()
	if got.size() != want.size() || len(got.Refused) != len(want.Refused) {
		t.Fatalf("%v, %v; not %v, %v", got, got.Refused, want, want.Refused)
	}
	for _, o := range want.Objects() {
		if other, ok := got.Object(o.Kind, o.ID); !ok || !bytes.Equal(other.Raw(), o.Raw()) {
			t.Fatalf("%s differs", o)
		}
	}
}

// An object must not keep the buffer of a large entry that came before: a state
// would grow to the number of its objects times that.
func TestExchangeLeavesLargeBuffers(t *testing.T) {
	st := NewState()
	st.apply(1, stepOf(t, 1, 0, onTask(api.StoreActionKindCreate, "t1")).actions)
	s := stepOf(t, 2, 1<<20, onTask(api.StoreActionKindUpdate, "t1"))
	if st.exchange(&s) {
		t.Error("update took the buffer")
	}
	s = stepOf(t, 3, 1<<20, onTask(api.StoreActionKindCreate, "t2"))
	if st.exchange(&s) {
		t.Error("creation took the buffer")
	}
}
