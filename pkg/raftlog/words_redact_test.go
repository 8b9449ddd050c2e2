package raftlog

import (
	"strings"
	"testing"

	"github.com/moby/swarmkit/v2/api"
)

// TestDescribeShowsNoSecrets changes every secret there is.
func TestDescribeShowsNoSecrets(t *testing.T) {
	c := &canaries{}
	old, recent := c.objects(), c.objects()
	var all strings.Builder
	for i := range old {
		before, after := mustObject(t, old[i]), mustObject(t, recent[i])
		empty := Object{Kind: after.Kind, ID: after.ID, raw: []byte{}}
		for _, a := range []Action{{Update, after}, {Create, after}, {Remove, after}, {Update, empty}} {
			for _, was := range []Object{before, empty, {}} {
				all.WriteString(Describe(was, a) + "\n")
			}
		}
	}
	text := all.String()
	for _, secret := range c.all {
		if contains(text, secret) {
			t.Errorf("%s is shown", secret)
		}
	}
	for _, want := range []string{"env NAME changed", "spec.data changed", "CA key rotated", "payload changed"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not said in\n%s", want, text)
		}
	}
}

func mustObject(t *testing.T, v api.StoreObject) Object {
	t.Helper()
	o, err := NewObject(v)
	if err != nil {
		t.Fatal(err)
	}
	return o
}
