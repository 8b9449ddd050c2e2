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
	at  place
	raw raftpb.Entry // its data is encrypted
	out T
	err error
	// plain is where the data is decrypted to. Whoever takes it leaves another.
	plain []byte
}

// batch is what one window of a segment holds.
type batch[T any] struct {
	buf []byte // the encrypted data of the items
	// actions are those of the items, for work that wants them together.
	actions []rawAction
	items   []item[T]
	err     error // that ended the reading, behind the items
	ready   chan struct{}
}

// walker works on the entries of a log: one goroutine reads, as many as there
// are processors decrypt and work, and the caller takes the results in order.
// The number of batches bounds what is in memory.
type walker[T any] struct {
	work func(b *batch[T], it *item[T])

	free, todo, order chan *batch[T]
	quit              chan struct{}
	current           *batch[T] // that the reader fills
}

// walk calls work for each entry that read adds, concurrently, and yields what
// it left in the items, in the order of the log. What lies in the batch is valid
// until the loop goes on. read returns early if window or add do.
func walk[T any](read func(w *walker[T]) error, work func(b *batch[T], it *item[T])) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		workers := runtime.GOMAXPROCS(0)
		n := workers + 2
		w := &walker[T]{
			work: work, quit: make(chan struct{}),
			free: make(chan *batch[T], n), todo: make(chan *batch[T], n), order: make(chan *batch[T], n),
		}
		for range n {
			w.free <- &batch[T]{ready: make(chan struct{}, 1)}
		}
		var running sync.WaitGroup
		defer running.Wait()
		defer close(w.quit)
		running.Go(func() { w.read(read) })
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

func (w *walker[T]) read(read func(w *walker[T]) error) {
	defer close(w.order)
	defer close(w.todo)
	err := read(w)
	if w.current != nil || err != nil && w.take() {
		w.current.err = err
		w.send()
	}
}

// window sends off what was added and returns an empty buffer, nil when the
// caller has ended.
func (w *walker[T]) window() []byte {
	if w.current != nil {
		w.send()
	}
	if !w.take() {
		return nil
	}
	return w.current.buf
}

func (w *walker[T]) take() bool {
	w.current = nil
	select {
	case b := <-w.free:
		if b.buf == nil {
			b.buf = make([]byte, windowBytes)
		}
		b.items, b.actions = b.items[:0], b.actions[:0]
		w.current = b
		return true
	case <-w.quit:
		return false
	}
}

func (w *walker[T]) send() {
	w.order <- w.current
	w.todo <- w.current
	w.current = nil
}

func (w *walker[T]) add(at place, e raftpb.Entry) {
	b := w.current
	if n := len(b.items); n < cap(b.items) {
		b.items = b.items[:n+1]
		b.items[n] = item[T]{at: at, raw: e, plain: b.items[n].plain}
		return
	}
	b.items = append(b.items, item[T]{at: at, raw: e})
}

// again reads the entries from an index on, as the scan found them.
func again[T any](l *Log, from uint64) func(w *walker[T]) error {
	return func(w *walker[T]) error {
		alive := l.scan.span.survivors()
		for i, seg := range l.scan.segments {
			if i+1 < len(l.scan.segments) && l.scan.segments[i+1].next <= from {
				continue
			}
			err := l.segmentAgain(seg, w.window, func(offset int64, e raftpb.Entry) {
				if e.Index >= from && alive.has(spot{segment: i, offset: offset}, e.Index) {
					w.add(place{file: seg.path, offset: offset}, e)
				}
			})
			if errors.Is(err, errStopped) {
				return nil
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// segmentAgain reads one file as far as the scan did.
func (l *Log) segmentAgain(seg segment, window func() []byte, add func(offset int64, e raftpb.Entry)) error {
	file, _, err := open(l.fsys, seg.path)
	if err != nil {
		return err
	}
	defer file.Close()
	f := newFrames(file, seg.end, seg.crc, window)
	f.unpadded = l.layout.clear
	for f.offset < seg.end {
		fr, err := f.next()
		if err != nil {
			return changed(seg, f.offset, err)
		}
		if fr.kind != entryRecord {
			continue
		}
		e, damage := parseEntry(fr.data)
		if damage != nil {
			return place{file: seg.path, offset: fr.offset}.mark(damage)
		}
		add(fr.offset, e)
	}
	return nil
}

// changed tells of a record that the scan has read and that is not there now.
func changed(seg segment, offset int64, err error) error {
	bad := (*frameError)(nil)
	if errors.As(err, &bad) || errors.Is(err, io.EOF) {
		return &DamageError{File: seg.path, Offset: offset, What: "log changed while it was read", Err: err}
	}
	return readError(seg.path, err)
}
