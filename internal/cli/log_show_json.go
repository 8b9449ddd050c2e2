package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// jsonPrinter writes one JSON object a line. Objects are rendered while the
// entries are read, into buffers that are used again; encoding/json would cost
// more than reading and decrypting.
type jsonPrinter struct {
	out     *bufio.Writer
	reveal  bool
	buffers sync.Pool
}

func newJSONPrinter(out *bufio.Writer, reveal bool) *jsonPrinter {
	return &jsonPrinter{out: out, reveal: reveal, buffers: sync.Pool{New: func() any { return new([]byte) }}}
}

func (p *jsonPrinter) begin() error { return nil }

func (p *jsonPrinter) prepare(e *shownEntry) (err error) {
	e.text = p.buffers.Get().(*[]byte)
	b := (*e.text)[:0]
	b = strconv.AppendUint(append(b, `{"index":`...), e.Index, 10)
	b = strconv.AppendUint(append(b, `,"term":`...), e.Term, 10)
	b = appendMember(b, "kind", string(e.Kind))
	b = strconv.AppendBool(append(b, `,"committed":`...), e.Committed)
	if len(e.passed) > 0 {
		if b, err = p.actions(append(b, `,"actions":[`...), e); err != nil {
			return err
		}
		b[len(b)-1] = ']'
	}
	if c := e.ConfChange; c != nil {
		b = appendConfChange(b, c)
	}
	*e.text = b
	return nil
}

// actions ends in a comma.
func (p *jsonPrinter) actions(b []byte, e *shownEntry) (_ []byte, err error) {
	for _, i := range e.passed {
		a := &e.Actions[i]
		b = append(append(append(b, `{"op":"`...), a.Op...), '"')
		b = appendMember(b, "kind", string(a.Object.Kind))
		b = appendMember(b, "id", a.Object.ID)
		if a.Object.Name != "" {
			b = appendMember(b, "name", a.Object.Name)
		}
		if b, err = a.Object.AppendJSON(append(b, `,"object":`...), p.reveal); err != nil {
			return nil, fmt.Errorf("entry %d: %w", e.Index, err)
		}
		b = append(b, "},"...)
	}
	return b, nil
}

func appendConfChange(b []byte, c *raftlog.ConfChange) []byte {
	b = append(append(append(b, `,"member":{"op":"`...), c.Op...), '"')
	b = appendMember(b, "raft_id", strconv.FormatUint(c.Member.RaftID, 16))
	if c.Member.NodeID != "" {
		b = appendMember(b, "node_id", c.Member.NodeID)
	}
	if c.Member.Addr != "" {
		b = appendMember(b, "addr", c.Member.Addr)
	}
	return append(b, '}')
}

func (p *jsonPrinter) look(*shownEntry, *story) error { return nil }

func (p *jsonPrinter) print(e *shownEntry) error {
	b := *e.text
	if !e.time.IsZero() {
		b = append(e.time.AppendFormat(append(b, `,"time":"`...), time.RFC3339Nano), '"')
	}
	b = append(b, `,"what":"`...)
	for i, what := range e.what {
		if i > 0 {
			b = append(b, "; "...)
		}
		b = appendInside(b, what)
	}
	b = append(b, '"')
	if e.refused != "" {
		b = appendMember(b, "refused", e.refused)
	}
	*e.text = append(b, "}\n"...)
	_, err := p.out.Write(*e.text)
	p.buffers.Put(e.text)
	return err
}

// appendMember appends a member that is not the first of its object.
func appendMember(b []byte, name, value string) []byte {
	b = append(append(append(b, `,"`...), name...), `":"`...)
	return append(appendInside(b, value), '"')
}

// appendInside appends text as it stands between the quotes of a JSON string.
func appendInside(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, err := json.Marshal(text)
			must(err)
			return append(b, quoted[1:len(quoted)-1]...)
		}
	}
	return append(b, text...)
}
