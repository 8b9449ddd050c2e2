package raftlog

import (
	"errors"
	"io"
	"iter"
	"runtime"
	"sync"

	"go.etcd.io/raft/v3/raftpb"
)

// item is one entry on its way through a walk.
type item[T any] struct {
	at  spot
	raw raftpb.Entry // its data is encrypted
	out T
	err error
}

// batch is what one window of a segment holds.
type batch[T any] struct {
	buf   []byte // the data of the items
	plain []byte // what it decrypts to
	items []item[T]
	err   error // that ended the reading, behind the items
	ready chan struct{}
}

// walker reads the second time: one goroutine reads, as many as there are
// processors decrypt and work, and the caller takes the results in order. The
// number of batches bounds what is in memory.
type walker[T any] struct {
	log   *Log
	from  uint64
	work  func(b *batch[T], it *item[T])
	alive *survivors

	free, todo, order chan *batch[T]
	quit              chan struct{}
	current           *batch[T]
}

// walk calls work for each entry from index on, concurrently, and yields what it
// left in the items, in the order of the log. What lies in the batch is valid
// until the loop goes on.
func walk[T any](l *Log, from uint64, work func(b *batch[T], it *item[T])) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		workers := runtime.GOMAXPROCS(0)
		n := 2*workers + 2
		w := &walker[T]{
			log: l, from: from, work: work, alive: l.scan.span.survivors(), quit: make(chan struct{}),
			free: make(chan *batch[T], n), todo: make(chan *batch[T], n), order: make(chan *batch[T], n),
		}
		for range n {
			w.free <- &batch[T]{buf: make([]byte, windowBytes), plain: make([]byte, 0, windowBytes), ready: make(chan struct{}, 1)}
		}
		var running sync.WaitGroup
		defer running.Wait()
		defer close(w.quit)
		running.Go(w.read)
		for range workers {
			running.Go(w.decrypt)
		}
		w.yield(yield)
	}
}

// yield hands out the results.
func (w *walker[T]) yield(yield func(T, error) bool) {
	var none T
	for b := range w.order {
		<-b.ready
		for i := range b.items {
			it := &b.items[i]
			if it.err != nil {
				yield(none, it.err)
				return
			}
			if !yield(it.out, nil) {
				return
			}
		}
		if b.err != nil {
			yield(none, b.err)
			return
		}
		w.free <- b
	}
}

func (w *walker[T]) decrypt() {
	for b := range w.todo {
		for i := range b.items {
			w.work(b, &b.items[i])
		}
		b.ready <- struct{}{}
	}
}

// read fills batches until the log or the caller ends.
func (w *walker[T]) read() {
	defer close(w.order)
	defer close(w.todo)
	for i, seg := range w.log.scan.segments {
		if i+1 < len(w.log.scan.segments) && w.log.scan.segments[i+1].next <= w.from {
			continue
		}
		if !w.take() {
			return
		}
		err := w.segment(i, seg)
		if w.current == nil {
			return
		}
		w.current.err = err
		w.send()
		if err != nil {
			return
		}
	}
}

// take makes a free batch the current one. There is none when the caller has
// ended.
func (w *walker[T]) take() bool {
	w.current = nil
	select {
	case w.current = <-w.free:
		w.current.items, w.current.plain, w.current.err = w.current.items[:0], w.current.plain[:0], nil
		return true
	case <-w.quit:
		return false
	}
}

func (w *walker[T]) send() {
	w.order <- w.current
	w.todo <- w.current
}

// segment reads one file as far as the scan did.
func (w *walker[T]) segment(i int, seg segment) error {
	file, _, err := open(w.log.fsys, seg.path)
	if err != nil {
		return err
	}
	defer file.Close()
	f := newFrames(file, seg.end, seg.crc, w.current.buf)
	f.swap = func() []byte {
		w.send()
		if !w.take() {
			return nil
		}
		return w.current.buf
	}
	for f.offset < seg.end {
		fr, err := f.next()
		if w.current == nil {
			return nil
		}
		if err != nil {
			return w.changed(seg, f.offset, err)
		}
		if damage := w.add(spot{segment: i, offset: fr.offset}, fr); damage != nil {
			return place{file: seg.path, offset: fr.offset}.mark(damage)
		}
	}
	return nil
}

// changed tells of a record that the scan has read and that is not there now.
func (w *walker[T]) changed(seg segment, offset int64, err error) error {
	bad := (*frameError)(nil)
	if errors.As(err, &bad) || errors.Is(err, io.EOF) {
		return &DamageError{File: seg.path, Offset: offset, What: "log changed while it was read", Err: err}
	}
	return readError(seg.path, err)
}

func (w *walker[T]) add(at spot, fr frame) *DamageError {
	if fr.kind != entryRecord {
		return nil
	}
	e, damage := parseEntry(fr.data)
	if damage != nil {
		return damage
	}
	if e.Index >= w.from && w.alive.has(at, e.Index) {
		w.current.items = append(w.current.items, item[T]{at: at, raw: e})
	}
	return nil
}
