package raftlog

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/moby/swarmkit/v2/api"
)

func request(t testing.TB, actions ...api.StoreAction) []byte {
	t.Helper()
	raw, err := (&api.InternalRaftRequest{ID: 1 << 60, Action: actions}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func onTask(op api.StoreActionKind, id string) api.StoreAction {
	task := &api.Task{ID: id, ServiceID: "s", Slot: 300}
	return api.StoreAction{Action: op, Target: &api.StoreAction_Task{Task: task}}
}

// The form of nearly all requests has its own way, which others must not take.
func TestOnlyAction(t *testing.T) {
	update := request(t, onTask(api.StoreActionKindUpdate, "t1"))
	id, kind, task, more := []byte{8, 1}, []byte{8, 2}, wrapped(4, wrapped(1, []byte("t1"))), []byte{0x78, 1}
	tests := []struct {
		name string
		raw  []byte
		want bool
	}{
		{"update", update, true},
		{"removal", request(t, onTask(api.StoreActionKindRemove, "t1")), true},
		{"secret", request(t, api.StoreAction{
			Action: api.StoreActionKindCreate, Target: &api.StoreAction_Secret{Secret: &api.Secret{ID: "x"}},
		}), true},
		{"two actions", request(t, onTask(api.StoreActionKindUpdate, "t1"), onTask(api.StoreActionKindUpdate, "t2")), false},
		{"none", request(t), false},
		{"nothing", nil, false},
		{"unknown operation", request(t, onTask(9, "t1")), false},
		{"no object", request(t, api.StoreAction{Action: api.StoreActionKindUpdate}), false},
		{"cut", update[:len(update)-1], false},
		{"more behind it", slices.Concat(update, more), false},
		{"more in the action", slices.Concat(id, wrapped(2, kind, task, more)), false},
		{"object beyond the action", slices.Concat(id, wrapped(2, kind, task[:4]), task[4:]), false},
		{"object as a number", slices.Concat(id, wrapped(2, kind, []byte{0x20, 1})), false},
		{"no operation", slices.Concat(id, wrapped(2, more, task)), false},
		{"object first", slices.Concat(id, wrapped(2, task, kind)), false},
		{"two bytes of operation", slices.Concat(id, wrapped(2, []byte{8, 0x82, 0}, task)), false},
		{"two actions, no ID of the request", slices.Concat(wrapped(2, kind, task), wrapped(2, kind, task)), false},
		{"no ID of the request", wrapped(2, kind, task), false},
	}
	for _, tc := range tests {
		if _, ok := onlyAction(tc.raw); ok != tc.want {
			t.Errorf("%s: %v", tc.name, ok)
		}
		sameActions(t, tc.raw)
	}
}

// wrapped is a field of a message shorter than 128 bytes.
func wrapped(number byte, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	return append([]byte{number<<3 | wireBytes, byte(len(body))}, body...)
}

func sameActions(t *testing.T, raw []byte) {
	t.Helper()
	got, errGot := appendActions(nil, raw)
	want, errWant := appendEach(nil, raw)
	if fmt.Sprint(errGot) != fmt.Sprint(errWant) || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%v, %v; not %v, %v", got, errGot, want, errWant)
	}
}

// FuzzActions: both ways to read a request agree.
func FuzzActions(f *testing.F) {
	for _, op := range []api.StoreActionKind{api.StoreActionKindCreate, api.StoreActionKindUpdate, api.StoreActionKindRemove} {
		raw := request(f, onTask(op, "t1"))
		if _, ok := onlyAction(raw); !ok {
			f.Fatal("seed is not of the common form")
		}
		f.Add(raw)
	}
	f.Add(request(f, onTask(api.StoreActionKindCreate, "t1"), onTask(api.StoreActionKindUpdate, "t1")))
	f.Fuzz(sameActions)
}

func BenchmarkActions(b *testing.B) {
	raw := request(b, onTask(api.StoreActionKindUpdate, "abcdefghijklmnopqrstuvwxy"))
	var all []rawAction
	for b.Loop() {
		var err error
		if all, err = appendActions(all[:0], raw); err != nil {
			b.Fatal(err)
		}
	}
}
