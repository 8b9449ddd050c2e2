package snapshot

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
)

// Checker is a Store that can try out all that a backup relies on.
type Checker interface {
	// Check leaves nothing behind, or says what it left. That the store cannot
	// be reached is a finding too.
	Check(ctx context.Context) Report
}

// Verdict says how a finding is to be taken.
type Verdict string

// What the store does as it should, what is worth knowing, and what a backup
// cannot do without.
const (
	CheckOK   Verdict = "ok"
	CheckWarn Verdict = "warn"
	CheckFail Verdict = "fail"
)

// Answer is what the store did when one thing was asked of it. Do is empty when all is well.
type Answer struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	Seen    string  `json:"seen"`
	Do      string  `json:"do,omitempty"`
}

// Report is what Check found, in the order in which it asked.
type Report []Answer

// Failed is true when the store should not be trusted with a backup.
func (r Report) Failed() bool { return r.has(CheckFail) }

// Warned is true when there is something to do.
func (r Report) Warned() bool { return r.has(CheckWarn) }

func (r Report) has(v Verdict) bool {
	for _, f := range r {
		if f.Verdict == v {
			return true
		}
	}
	return false
}

// OK adds what was seen of a thing that is as it should be.
func (r *Report) OK(name, seen string) { r.add(name, CheckOK, seen, "") }

// Warn adds what is worth knowing, and what to do about it.
func (r *Report) Warn(name, seen, do string) { r.add(name, CheckWarn, seen, do) }

// Fail adds what a backup cannot do without, and what to do about it.
func (r *Report) Fail(name, seen, do string) { r.add(name, CheckFail, seen, do) }

func (r *Report) add(name string, v Verdict, seen, do string) {
	*r = append(*r, Answer{Name: name, Verdict: v, Seen: seen, Do: do})
}

// Probe tries a store by an object of that name, and deletes it: put, put
// again, read back, list, delete. It ends early when nothing can be put.
func Probe(ctx context.Context, s Store, name string) Report {
	p := &probe{ctx: ctx, s: s, name: name, data: []byte(rand.Text())}
	if !p.put() {
		return p.r
	}
	p.putAgain()
	p.readBack()
	p.list()
	p.remove()
	return p.r
}

type probe struct {
	ctx  context.Context
	s    Store
	name string
	data []byte
	r    Report
}

func (p *probe) write(w io.Writer) error {
	_, err := w.Write(p.data)
	return err
}

func (p *probe) put() bool {
	if err := p.s.Put(p.ctx, p.name, p.write); err != nil {
		p.r.Fail("put", err.Error(), "let swarmdr write here")
		return false
	}
	p.r.OK("put", "an object was stored")
	return true
}

func (p *probe) putAgain() {
	switch err := p.s.Put(p.ctx, p.name, p.write); {
	case errors.Is(err, ErrExist):
		p.r.OK("write once", "a second put of one name is refused")
	case err == nil:
		p.r.Fail("write once", "a second put of one name went through", "use another store: this one lets a snapshot be overwritten")
	default:
		p.r.Fail("write once", err.Error(), "use a store that refuses a name that is taken")
	}
}

func (p *probe) readBack() {
	var got bytes.Buffer
	r, err := p.s.Get(p.ctx, p.name)
	if err == nil {
		_, err = io.Copy(&got, io.LimitReader(r, int64(len(p.data))+1))
		err = errors.Join(err, r.Close())
	}
	switch {
	case err != nil:
		p.r.Fail("read back", err.Error(), "let swarmdr read here")
	case !bytes.Equal(got.Bytes(), p.data):
		p.r.Fail("read back", "other bytes came back", "do not trust this store")
	default:
		p.r.OK("read back", "the same bytes came back")
	}
}

func (p *probe) list() {
	for o, err := range p.s.List(p.ctx, p.name) {
		if err != nil {
			p.r.Fail("list after write", err.Error(), "let swarmdr list here")
			return
		}
		if o.Name == p.name && o.Size == int64(len(p.data)) {
			p.r.OK("list after write", "the object is listed at once")
			return
		}
	}
	p.r.Fail("list after write", "the object is not listed", "use a store whose lists show what was stored")
}

// remove warns only: who keeps snapshots from being deleted does well.
func (p *probe) remove() {
	err := p.s.Delete(p.ctx, p.name)
	if err == nil {
		_, err = p.s.Get(p.ctx, p.name)
	}
	switch {
	case errors.Is(err, ErrNotExist):
		p.r.OK("delete", "the object is gone")
	case err == nil:
		p.r.Fail("delete", "the object is still there", "do not trust this store")
	default:
		p.r.Warn("delete", fmt.Sprintf("%s stays: %v", p.name, err), "let swarmdr delete here, or let the store's own rules expire snapshots")
	}
}
