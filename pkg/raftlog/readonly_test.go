package raftlog_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// fingerprint tells everything about a tree but access times.
func fingerprint(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all[name] = fmt.Sprint(info.Mode(), info.Size(), info.ModTime().UnixNano())
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(name)
			all[name] += fmt.Sprintf(" %x", sha256.Sum256(content))
			return err
		}
		return nil
	}))
	return all
}

func readAll(t testing.TB, fsys fs.FS, c crypter) *raftlog.State {
	t.Helper()
	l, err := raftlog.Open(fsys, c)
	must(t, err)
	for _, err := range l.Entries(0) {
		must(t, err)
	}
	return replay(t, l, raftlog.StateOptions{})
}

func TestReadingNeverWrites(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(300, 1)
	m.snapshot(2)
	m.churn(300, 2)
	m.flush()
	check := func(t *testing.T) {
		t.Helper()
		before := fingerprint(t, m.dir)
		sameContent(t, readAll(t, m.fsys(), m.crypter()), m.content())
		if diff := cmp.Diff(before, fingerprint(t, m.dir)); diff != "" {
			t.Error(diff)
		}
	}
	t.Run("while the engine has it open and locked", func(t *testing.T) {
		_, err := wal.Open(nil, filepath.Join(m.dir, "raft/wal-v3-encrypted"), walpb.Snapshot{})
		if err == nil {
			t.Fatal("the log is not locked")
		}
		check(t)
	})
	m.stop()
	t.Run("stopped", check)
	t.Run("torn", func(t *testing.T) {
		found := names(t, m.fsys(), segments)
		name := filepath.Join(m.dir, found[len(found)-1])
		content, err := os.ReadFile(name)
		must(t, err)
		frames := framesOf(content)
		must(t, os.Truncate(name, int64(end(frames[len(frames)-1])-9)))
		before := fingerprint(t, m.dir)
		readAll(t, m.fsys(), m.crypter())
		if diff := cmp.Diff(before, fingerprint(t, m.dir)); diff != "" {
			t.Error(diff)
		}
	})
}

// plainFS offers of a file no more than fs.File asks for, as an archive does,
// and fails where anything else is tried.
type plainFS struct{ fs.FS }

type plainFile struct{ file fs.File }

func (p plainFS) Open(name string) (fs.File, error) {
	f, err := p.FS.Open(name)
	if err != nil {
		return nil, err
	}
	if d, ok := f.(fs.ReadDirFile); ok {
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return d, nil
		}
	}
	return plainFile{f}, nil
}

func (p plainFile) Stat() (fs.FileInfo, error) { return p.file.Stat() }
func (p plainFile) Close() error               { return p.file.Close() }

func (p plainFile) Read(b []byte) (int, error) {
	return p.file.Read(b[:min(len(b), 700)])
}

func TestSequentialReadsAreEnough(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(300, 1)
	m.snapshot(2)
	m.churn(300, 2)
	m.flush()
	sameContent(t, readAll(t, plainFS{m.fsys()}, m.crypter()), m.content())
}

var errDisk = errors.New("disk error")

type failingFS struct {
	fs.FS
	after *int
}

type failingFile struct {
	fs.File
	after *int
}

func (f failingFS) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	if err != nil || filepath.Ext(name) == "" || name == "." {
		return file, err
	}
	return failingFile{file, f.after}, nil
}

func (f failingFile) Read(b []byte) (int, error) {
	*f.after--
	if *f.after < 0 {
		return 0, errDisk
	}
	return f.File.Read(b)
}

// An error of the disk is that, not damage, and not the end of the log.
func TestReadErrors(t *testing.T) {
	m := newManager(t)
	m.found()
	m.churn(300, 1)
	m.snapshot(2)
	m.churn(100, 2)
	m.flush()
	for after := 0; ; after++ {
		left := after
		l, err := raftlog.Open(failingFS{m.fsys(), &left}, m.crypter())
		if err == nil {
			_, err = l.State(raftlog.StateOptions{})
		}
		if err == nil {
			if after < 4 {
				t.Fatalf("only %d reads", after)
			}
			return
		}
		var damage *raftlog.DamageError
		if !errors.Is(err, errDisk) || errors.As(err, &damage) || errors.Is(err, io.EOF) {
			t.Fatalf("read %d: %v", after, err)
		}
	}
}
