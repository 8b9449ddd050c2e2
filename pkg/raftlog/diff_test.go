package raftlog_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/manager/state/store"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

func TestDiff(t *testing.T) {
	m := newManager(t)
	m.found()
	m.update(func(tx store.Tx) error { return store.CreateSecret(tx, &api.Secret{ID: "gone"}) })
	m.churn(50, 1)
	if m.content().Secrets == nil {
		t.Fatal("no secrets")
	}
	point := m.index
	m.update(func(tx store.Tx) error {
		if err := store.CreateConfig(tx, &api.Config{ID: "new", Spec: api.ConfigSpec{Annotations: api.Annotations{Name: "fresh"}}}); err != nil {
			return err
		}
		node := store.GetNode(tx, "selfnode")
		node.Spec.Availability = api.NodeAvailabilityDrain
		if err := store.UpdateNode(tx, node); err != nil {
			return err
		}
		return store.DeleteSecret(tx, firstSecret(tx))
	})
	l := m.open()
	before, after := replay(t, l, raftlog.StateOptions{Through: point}), replay(t, l, raftlog.StateOptions{})
	var got []string
	for _, c := range raftlog.Diff(before, after) {
		got = append(got, fmt.Sprint(c.Op, " ", c.Object().Kind))
	}
	if want := []string{"update node", "remove secret", "create config"}; !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if same := raftlog.Diff(after, replay(t, l, raftlog.StateOptions{})); len(same) != 0 {
		t.Errorf("the same state differs: %v", same)
	}
}

func firstSecret(tx store.ReadTx) string {
	secrets, err := store.FindSecrets(tx, store.All)
	if err != nil || len(secrets) == 0 {
		return ""
	}
	return secrets[0].ID
}
