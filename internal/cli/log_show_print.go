package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

func newEntryPrinter(out *bufio.Writer, log *raftlog.Log, o *logShowOptions) entryPrinter {
	switch o.format {
	case "json":
		return newJSONPrinter(out, o.reveal)
	case "text":
		return &textPrinter{out: out, reveal: o.reveal}
	}
	digits := len(strconv.FormatUint(log.LastIndex(), 10))
	return &tablePrinter{out: out, width: max(len("INDEX"), digits+1)}
}

// marked is an index with the mark of the tail.
func marked(e *shownEntry) string {
	index := strconv.FormatUint(e.Index, 10)
	if !e.Committed {
		index += "*"
	}
	return index
}

// localTime is what --since takes.
func localTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}

// effect tells of what came to nothing.
func effect(what, refused string) string {
	if refused != "" {
		what += " (had no effect: " + refused + ")"
	}
	return what
}

// tablePrinter has a row for each action. Its columns do not wait for the last
// row to know how wide they are.
type tablePrinter struct {
	out   io.Writer
	width int
}

func (p *tablePrinter) begin() error { return p.row("INDEX", "TERM", "TIME", "WHAT") }

func (p *tablePrinter) prepare(*shownEntry) error { return nil }

func (p *tablePrinter) look(*shownEntry, *story) error { return nil }

func (p *tablePrinter) print(e *shownEntry) error {
	for _, what := range e.what {
		err := p.row(marked(e), strconv.FormatUint(e.Term, 10), localTime(e.time), effect(what, e.refused))
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *tablePrinter) row(index, term, at, what string) error {
	_, err := fmt.Fprintf(p.out, "%-*s  %-4s  %-*s  %s\n", p.width, index, term, len(time.DateTime), at, what)
	return err
}

// textPrinter has a block for each entry, with every field that changed.
type textPrinter struct {
	out    io.Writer
	reveal bool
	begun  bool
}

func (p *textPrinter) begin() error { return nil }

func (p *textPrinter) prepare(*shownEntry) error { return nil }

func (p *textPrinter) look(e *shownEntry, st *story) error {
	var text []byte
	for n, i := range e.passed {
		a := e.Actions[i]
		text = fmt.Appendf(text, "  %s\n    %s %s %s\n", e.what[n], a.Op, a.Object.Kind, a.Object.ID)
		lines, err := fieldLines(st.before(&e.Entry, i), a, p.reveal)
		if err != nil {
			return fmt.Errorf("entry %d: %w", e.Index, err)
		}
		for _, line := range lines {
			text = fmt.Appendf(text, "    %s\n", strings.Map(graphic, line))
		}
	}
	if len(e.passed) == 0 {
		text = fmt.Appendf(text, "  %s\n", e.what[0])
	}
	e.text = &text
	return nil
}

func (p *textPrinter) print(e *shownEntry) error {
	if e.refused != "" {
		*e.text = fmt.Appendf(*e.text, "  %s\n", effect("all of it", e.refused))
	}
	if p.begun {
		fmt.Fprintln(p.out)
	}
	p.begun = true
	_, err := fmt.Fprintf(p.out, "entry %s, term %d, %s\n%s", marked(e), e.Term, localTime(e.time), *e.text)
	return err
}

// graphic keeps characters that move a terminal's cursor out of a line.
func graphic(r rune) rune {
	if unicode.IsControl(r) {
		return unicode.ReplacementChar
	}
	return r
}

// fieldLines are those that an update changed; of what is new or removed, or
// was not known before, all that it has.
func fieldLines(before raftlog.Object, a raftlog.Action, reveal bool) ([]string, error) {
	if before.Raw() == nil {
		tree, err := a.Object.AppendJSON(nil, reveal)
		if err != nil {
			return nil, err
		}
		return leafLines(nil, "", tree), nil
	}
	fields, err := raftlog.Change{Op: raftlog.Update, Before: before, After: a.Object}.Fields(reveal)
	var lines []string
	for _, f := range fields {
		lines = append(lines, changeLines(f)...)
	}
	return lines, err
}

func changeLines(f raftlog.FieldChange) []string {
	path := strings.Join(f.Path, ".")
	switch {
	case f.Before == "" && f.After == "":
		return []string{path + ": changed"}
	case f.Before == "":
		return leafLines(nil, path, []byte(f.After))
	case f.After == "":
		return removedLines(path, f.Before)
	case f.Before == f.After:
		return []string{path + ": " + f.Before + " -> " + f.After + ", another"}
	}
	return []string{path + ": " + f.Before + " -> " + f.After}
}

func removedLines(path, value string) []string {
	lines := leafLines(nil, path, []byte(value))
	for i := range lines {
		lines[i] += " -> (none)"
	}
	return lines
}

// leafLines adds one line for each value in a tree of JSON.
func leafLines(lines []string, path string, tree json.RawMessage) []string {
	var object map[string]json.RawMessage
	var list []json.RawMessage
	switch {
	case len(tree) > 2 && tree[0] == '{' && json.Unmarshal(tree, &object) == nil:
		for _, name := range slices.Sorted(maps.Keys(object)) {
			lines = leafLines(lines, strings.TrimPrefix(path+"."+name, "."), object[name])
		}
		return lines
	case len(tree) > 2 && tree[0] == '[' && json.Unmarshal(tree, &list) == nil:
		for i, element := range list {
			lines = leafLines(lines, path+"."+strconv.Itoa(i), element)
		}
		return lines
	}
	return append(lines, path+": "+string(tree))
}
