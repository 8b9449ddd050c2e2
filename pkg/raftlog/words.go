package raftlog

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

const (
	mostPhrases = 6  // in what is said of one update
	shortValue  = 40 // bytes of a value that is shown beside its name

)

// Describe says in short what an action did, in the words of Docker's commands:
// "service web: image nginx:1.27 -> nginx:1.29, replicas 3 -> 5". What only
// churns, such as versions and times, is left out; "touched" means that nothing
// else changed. before is the object as it was, the zero Object if that is not
// known. The text is one line of printable characters and shows no secrets.
func Describe(before Object, a Action) string {
	return printable(subject(before, a.Object) + ": " + deed(before, a))
}

// Describe is [Describe] with the object as the state has it.
func (st *State) Describe(a Action) string {
	before := Object{}
	if at := rank(a.Object.Kind); at >= 0 && a.Op == Update {
		if o, ok := st.tables[at][a.Object.ID]; ok {
			before.raw = o.raw
		}
	}
	return Describe(before, a)
}

func subject(before, after Object) string {
	for _, name := range []string{after.Name, before.Name, after.ID} {
		if name != "" {
			return string(after.Kind) + " " + name
		}
	}
	return string(after.Kind)
}

func deed(before Object, a Action) string {
	at := rank(a.Object.Kind)
	switch {
	case a.Op == Remove:
		return "removed"
	case a.Op == Create:
		return "created" + summary(a.Object)
	case len(before.raw) == 0 || at < 0:
		return "updated" + summary(a.Object)
	}
	if a.Object.Kind == KindTask {
		if text := compare(at, progress(before.raw), before, a); text != touched {
			return text
		}
	}
	return compare(at, nil, before, a)
}

// touched is said where nothing has changed but what churns.
const touched = "touched"

func compare(at int, fields wire.Fields, before Object, a Action) string {
	changes, err := kinds[at].shape.ChangesIn(fields, before.raw, a.Object.raw, false)
	if err != nil {
		return "updated, its fields cannot be compared: " + err.Error()
	}
	w := words{kind: a.Object.Kind, after: a.Object.raw}
	for i := range changes {
		w.take(&changes[i])
	}
	return w.sentence()
}

// words are what is said of an update.
type words struct {
	kind  Kind
	after []byte
	// known has phrases of its own, other names fields as they are.
	known, other []string
}

func (w *words) take(c *wire.Change) {
	if w.churns(c) {
		return
	}
	path := strings.Join(c.Path, ".")
	phrase, known := w.phrase(path, c)
	switch {
	case !known:
		w.other = append(w.other, setPhrase(path, c))
	case phrase != "" && !slices.Contains(w.known, phrase):
		w.known = append(w.known, phrase)
	}
}

// churns is for what changes most: reports of the agents.
func (w *words) churns(c *wire.Change) bool {
	if w.kind == KindTask && c.Path[0] == "status" && len(c.Path) > 1 {
		return c.Path[1] != "state" && c.Path[1] != "err"
	}
	return c.Path[0] == "meta"
}

// phrase returns known and nothing to say for what churns.
func (w *words) phrase(path string, c *wire.Change) (phrase string, known bool) {
	if phrase, known = annotationPhrase(path, c); known {
		return phrase, true
	}
	switch w.kind {
	case KindService:
		return servicePhrase(path, c)
	case KindTask:
		return w.taskPhrase(path, c)
	case KindNode:
		return w.nodePhrase(path, c)
	case KindNetwork:
		return w.networkPhrase(c)
	case KindCluster:
		return clusterPhrase(path, c)
	case KindVolume:
		return volumePhrase(path, c)
	}
	return "", false
}

// sentence has what has words of its own first.
func (w *words) sentence() string {
	all := append(w.known, w.other...)
	if len(all) == 0 {
		return touched
	}
	if more := len(all) - mostPhrases; more == 1 {
		all = append(all[:mostPhrases], "and 1 more field")
	} else if more > 1 {
		all = append(all[:mostPhrases], fmt.Sprintf("and %d more fields", more))
	}
	return strings.Join(all, ", ")
}

// annotationPhrase is for what objects of all kinds have.
func annotationPhrase(path string, c *wire.Change) (phrase string, known bool) {
	if path == "spec.annotations.name" {
		return "renamed " + arrow(c, "none"), true
	}
	if key, ok := strings.CutPrefix(path, "spec.annotations.labels."); ok {
		return setPhrase("label "+key, c), true
	}
	if path == "pendingDelete" {
		return "to be removed", true
	}
	return "", false
}

// printable escapes what would break a line or move a cursor: host names come
// from the nodes, errors from containers.
func printable(text string) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, notPrintable) {
		return text
	}
	var b strings.Builder
	for _, r := range text { // what is no UTF-8 becomes U+FFFD
		if notPrintable(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func notPrintable(r rune) bool {
	if r < 0x80 {
		return r < ' ' || r == 0x7f
	}
	return !unicode.IsPrint(r)
}
