package unlock_test

import (
	"testing"

	"github.com/swarmdr/swarmdr/pkg/unlock"
)

func TestJudge(t *testing.T) {
	key, none := generateKey(t), unlock.Key{}
	same := &unlock.Known{Fingerprint: key.Fingerprint(), Version: 7}
	other := &unlock.Known{Fingerprint: generateKey(t).Fingerprint(), Version: 9}
	off := &unlock.Known{Version: 9}
	for _, c := range []struct {
		name          string
		locked, opens bool
		key           unlock.Key
		newest        *unlock.Known
		want          unlock.Verdict
	}{
		{"not locked", false, true, key, same, unlock.VerdictNotLocked},
		{"not locked, no key", false, true, none, nil, unlock.VerdictNotLocked},
		{"no key", true, false, none, same, unlock.VerdictMissing},
		{"wrong", true, false, key, other, unlock.VerdictWrong},
		{"wrong, but the swarm's", true, false, key, same, unlock.VerdictWrong},
		{"nothing known", true, true, key, nil, unlock.VerdictOpens},
		{"current", true, true, key, same, unlock.VerdictCurrent},
		{"rotated since", true, true, key, other, unlock.VerdictOlder},
		{"switched off since", true, true, key, off, unlock.VerdictOlder},
	} {
		if got := unlock.Judge(c.locked, c.opens, c.key, c.newest); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestNewest(t *testing.T) {
	old, new1, new2 := &unlock.Known{Version: 3}, &unlock.Known{Version: 8}, &unlock.Known{Version: 8}
	for _, c := range []struct {
		known []*unlock.Known
		want  *unlock.Known
	}{
		{nil, nil},
		{[]*unlock.Known{nil, nil}, nil},
		{[]*unlock.Known{nil, old}, old},
		{[]*unlock.Known{old, new1}, new1},
		{[]*unlock.Known{new1, old, new2}, new1},
		{[]*unlock.Known{{}, nil}, &unlock.Known{}},
	} {
		if got := unlock.Newest(c.known...); (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%v: %v, want %v", c.known, got, c.want)
		}
	}
	if unlock.Newest(new1, new2) != new1 {
		t.Error("of two with the same version the second counts")
	}
}
