package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// objectTrees prints a list of objects one after another: there may be a
// hundred thousand.
func objectTrees(w io.Writer, objects []raftlog.Object, o *logStateOptions) error {
	out := bufio.NewWriterSize(w, outputBytes)
	l := &list{w: out, yaml: o.yaml()}
	var text []byte
	for _, object := range objects {
		var err error
		if text, err = appendTree(text[:0], object, o.reveal); err != nil {
			return err
		}
		if err := l.add(text); err != nil {
			return err
		}
	}
	if err := l.end(); err != nil {
		return err
	}
	if !o.yaml() || len(objects) == 0 {
		fmt.Fprintln(out)
	}
	return out.Flush()
}

// appendTree appends an object as JSON, with what names it.
func appendTree(dst []byte, o raftlog.Object, reveal bool) ([]byte, error) {
	head, err := json.Marshal(struct {
		Kind raftlog.Kind `json:"kind"`
		ID   string       `json:"id"`
		Name string       `json:"name,omitempty"`
	}{o.Kind, o.ID, o.Name})
	if err != nil {
		return dst, err
	}
	dst = append(dst, head[:len(head)-1]...)
	dst = append(dst, `,"object":`...)
	if dst, err = o.AppendJSON(dst, reveal); err != nil {
		return dst, err
	}
	return append(dst, '}'), nil
}

// list prints an array element by element, as writeJSON or writeYAML print all
// of it.
type list struct {
	w       *bufio.Writer
	outer   string // what the line of the array is indented by
	yaml    bool
	begun   bool
	scratch bytes.Buffer
}

// add takes one element as JSON.
func (l *list) add(element []byte) error {
	l.scratch.Reset()
	if err := l.render(element); err != nil {
		return err
	}
	l.begun = true
	_, err := l.w.Write(l.scratch.Bytes())
	return err
}

func (l *list) render(element []byte) error {
	if l.yaml {
		return jsonToYAML(&l.scratch, append(append([]byte{'['}, element...), ']'))
	}
	separator := ",\n"
	if !l.begun {
		separator = "[\n"
	}
	inner := l.outer + "  "
	l.scratch.WriteString(separator + inner)
	return json.Indent(&l.scratch, element, inner, "  ")
}

// end closes the array, in JSON without a newline behind it.
func (l *list) end() error {
	last := "[]"
	switch {
	case l.begun && l.yaml:
		last = ""
	case l.begun:
		last = "\n" + l.outer + "]"
	}
	_, err := l.w.WriteString(last)
	return err
}
