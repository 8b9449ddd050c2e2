package cli

import (
	"fmt"
	"time"

	"github.com/swarmdr/swarmdr/pkg/unlock"
)

func (r *keyReport) print(s *Streams, asJSON bool) error {
	if asJSON {
		return writeJSON(s.Out, r)
	}
	fmt.Fprintf(s.Out, "%s: %s\n", r.Source, r.Verdict)
	t := newTable(s.Out, "  node key", r.nodeKeyWords())
	if r.Fingerprint != "" {
		t.row("  key", r.Fingerprint+r.opensWords())
	}
	for _, k := range []struct {
		who  string
		what *jsonKnown
	}{{"log", r.Log}, {"swarm", r.Swarm}, {"history", r.History}} {
		if k.what != nil {
			t.row("  "+k.who, k.what.words())
		}
	}
	if r.SwarmError != "" {
		t.row("  swarm", "not asked: "+r.SwarmError)
	}
	if r.Needs != nil {
		t.row("  needs", r.Needs.words())
	}
	t.row("  so", r.sentence())
	return t.flush()
}

func (r *keyReport) nodeKeyWords() string {
	words := "not locked"
	if r.Locked {
		words = "locked"
	}
	if r.NodeKey == nil {
		return words + ", the manifest says"
	}
	words += fmt.Sprintf(", kek-version %d", r.NodeKey.KEKVersion)
	if r.NodeKey.PendingDEK {
		words += ", a rotation of the raft log's key runs"
	}
	if r.NodeKey.NeedsRotation {
		words += ", a rotation of the raft log's key is owed"
	}
	return words
}

func (r *keyReport) opensWords() string {
	words := ""
	switch {
	case r.Locked && r.Opens:
		words = ", opens it"
	case r.Locked:
		words = ", does not open it"
	}
	if r.Known != nil {
		words += ", first seen " + r.Known.FirstSeen.Format(time.DateTime)
		if !r.Known.Rotated.IsZero() {
			words += ", rotated " + r.Known.Rotated.Format(time.DateTime)
		}
	}
	return words
}

func (k *jsonKnown) words() string {
	if !k.Autolock {
		return fmt.Sprintf("autolock is off, version %d", k.Version)
	}
	return fmt.Sprintf("%s, version %d", k.Fingerprint, k.Version)
}

func (n *jsonNeeds) words() string {
	words := n.Fingerprint
	for _, path := range n.Escrows {
		words += ", escrow " + path
	}
	return words
}

// sentence is what the verdict means.
func (r *keyReport) sentence() string {
	switch r.Verdict {
	case unlock.VerdictCurrent:
		return "this is the swarm's current unlock key"
	case unlock.VerdictOlder:
		return "the swarm has another key since: keep both, this one opens nothing newer"
	case unlock.VerdictOpens:
		return "whether the swarm has another key since is not known"
	case unlock.VerdictNotLocked:
		return "no unlock key is needed"
	case unlock.VerdictMissing:
		return "an unlock key is needed, and none was given"
	}
	return r.wrongWords()
}

func (r *keyReport) wrongWords() string {
	switch {
	case r.SwarmHas:
		return "this is the swarm's current key, but not what this is locked with: the manager was down when the key was rotated, or this is a copy from before"
	case r.Known != nil:
		return "the swarm had this key once, but this is locked with another"
	}
	return "this key is not known here"
}
