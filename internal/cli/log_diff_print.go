package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

func (d *difference) printer(out *bufio.Writer) diffPrinter {
	if d.o.json() {
		return newDiffJSON(out, d)
	}
	return newDiffTable(out, d)
}

// opWords are what a person reads for an operation.
func opWord(op raftlog.Op) string {
	switch op {
	case raftlog.Create:
		return "added"
	case raftlog.Remove:
		return "removed"
	}
	return "changed"
}

// diffTable has a line for each field.
type diffTable struct {
	out io.Writer
	d   *difference
	t   table
}

func newDiffTable(out io.Writer, d *difference) *diffTable {
	return &diffTable{out, d, newTable(out, "CHANGE", "KIND", "NAME", "WHAT")}
}

func (p *diffTable) change(c raftlog.Change, fields []raftlog.FieldChange) error {
	o := c.Object()
	name := o.Name
	if name == "" {
		name = o.ID
	}
	if len(fields) == 0 {
		p.t.row(opWord(c.Op), o.Kind, name, o.ID)
	}
	for _, f := range fields {
		p.t.row(opWord(c.Op), o.Kind, name, fieldText(f))
	}
	return nil
}

func (p *diffTable) tasks(t taskChange) error {
	p.t.row("changed", raftlog.KindService, t.Service, fmt.Sprintf("running tasks: %d -> %d", t.Before, t.After))
	return nil
}

func (p *diffTable) end(counts map[raftlog.Op]int) error {
	if p.d.found {
		if err := p.t.flush(); err != nil {
			return err
		}
		fmt.Fprintln(p.out)
	}
	_, err := fmt.Fprintf(p.out, "%s to %s: %d added, %d removed, %d changed\n",
		p.d.before, p.d.after, counts[raftlog.Create], counts[raftlog.Remove], counts[raftlog.Update])
	return err
}

func (s side) String() string { return fmt.Sprintf("index %d of %s", s.state.Index, s.node) }

// valueRunes is how much of a value a line shows.
const valueRunes = 80

func fieldText(f raftlog.FieldChange) string {
	path := strings.Join(f.Path, ".")
	before, after := valueText(f, f.Before, f.After), valueText(f, f.After, f.Before)
	if before == after {
		return path + ": changed"
	}
	return fmt.Sprintf("%s: %s -> %s", path, before, after)
}

// valueText shows plain words without quotes.
func valueText(f raftlog.FieldChange, value, other string) string {
	if value == "" {
		return zero(f, other)
	}
	var text string
	if json.Unmarshal([]byte(value), &text) == nil && text != "" && !strings.ContainsAny(text, " \t\n\"") {
		value = text
	}
	if image, digest, ok := strings.Cut(value, "@sha256:"); ok && len(digest) > digestDigits {
		value = image + "@sha256:" + digest[:digestDigits]
	}
	if utf8.RuneCountInString(value) > valueRunes {
		value = string([]rune(value)[:valueRunes]) + "..."
	}
	return value
}

// digestDigits is what Docker shows of a digest.
const digestDigits = 12

// zero stands for a value that is missing or zero, which are the same in
// protobuf.
func zero(f raftlog.FieldChange, other string) string {
	switch f.Path[len(f.Path)-1] {
	case "replicas", "maxConcurrent", "totalCompletions":
		return "0"
	case "availability":
		return "ACTIVE"
	case "desiredRole", "role":
		return "WORKER"
	}
	switch {
	case other == "true":
		return "false"
	case strings.TrimLeft(other, "-0123456789.") == "":
		return "0"
	}
	return "(none)"
}
