package raftlog_test

import (
	"fmt"
	"testing"

	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// manySecrets writes a log of n entries with a secret each.
func manySecrets(b *testing.B, n int) *manager {
	m := newManager(b)
	m.found()
	for i := range n {
		secret := &api.Secret{ID: fmt.Sprint(i), Spec: api.SecretSpec{
			Annotations: api.Annotations{Name: fmt.Sprint("name", i)}, Data: make([]byte, 300),
		}}
		actions := []api.StoreAction{{Action: api.StoreActionKindCreate, Target: &api.StoreAction_Secret{Secret: secret}}}
		must(b, m.ProposeValue(b.Context(), actions, func() {}))
	}
	m.flush()
	return m
}

func BenchmarkOpen(b *testing.B) {
	m := manySecrets(b, 10000)
	b.ReportAllocs()
	for b.Loop() {
		m.open()
	}
}

func BenchmarkState(b *testing.B) {
	m := manySecrets(b, 10000)
	l := m.open()
	b.ReportAllocs()
	for b.Loop() {
		replay(b, l, raftlog.StateOptions{})
	}
}
