package cli

import (
	"bufio"
	"encoding/json"
	"fmt"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// diffJSON writes one object, of which the changes come one after another.
type diffJSON struct {
	out     *bufio.Writer
	changes *list
	counted []taskChange
}

type pointAnswer struct {
	NodeID string `json:"node_id"`
	Index  uint64 `json:"index"`
	Term   uint64 `json:"term"`
}

type changeAnswer struct {
	Op     raftlog.Op    `json:"op"`
	Kind   raftlog.Kind  `json:"kind"`
	ID     string        `json:"id"`
	Name   string        `json:"name,omitempty"`
	Fields []fieldAnswer `json:"fields,omitempty"`
}

// fieldAnswer: a value that is missing or zero is left out.
type fieldAnswer struct {
	Path   []string        `json:"path"`
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
	Churn  bool            `json:"churn,omitempty"`
}

func newDiffJSON(out *bufio.Writer, d *difference) *diffJSON {
	fmt.Fprintf(out, "{\n  \"before\": %s,\n  \"after\": %s,\n  \"changes\": ", d.before.json(), d.after.json())
	return &diffJSON{out: out, changes: &list{w: out, outer: "  "}, counted: []taskChange{}}
}

func (s side) json() []byte {
	text, err := json.MarshalIndent(pointAnswer{s.node, s.state.Index, s.state.Term}, "  ", "  ")
	must(err)
	return text
}

func (p *diffJSON) change(c raftlog.Change, fields []raftlog.FieldChange) error {
	o := c.Object()
	a := changeAnswer{Op: c.Op, Kind: o.Kind, ID: o.ID, Name: o.Name}
	for _, f := range fields {
		a.Fields = append(a.Fields, fieldAnswer{f.Path, json.RawMessage(f.Before), json.RawMessage(f.After), f.Churn})
	}
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return p.changes.add(text)
}

func (p *diffJSON) tasks(t taskChange) error {
	p.counted = append(p.counted, t)
	return nil
}

func (p *diffJSON) end(counts map[raftlog.Op]int) error {
	if err := p.changes.end(); err != nil {
		return err
	}
	tasks, err := json.MarshalIndent(p.counted, "  ", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.out, ",\n  \"running_tasks\": %s,\n  \"added\": %d,\n  \"removed\": %d,\n  \"changed\": %d\n}\n",
		tasks, counts[raftlog.Create], counts[raftlog.Remove], counts[raftlog.Update])
	return err
}
