package snapshot_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// entry is a member of a tar; the content of a file is its name.
type entry = tar.Header

func dir(name string) entry  { return entry{Typeflag: tar.TypeDir, Name: name, Mode: 0o700} }
func file(name string) entry { return entry{Typeflag: tar.TypeReg, Name: name, Mode: 0o600} }

func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(h.Name))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := io.WriteString(w, h.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(data []byte) (*snapshot.Archive, error) {
	return snapshot.OpenArchive(bytes.NewReader(data), int64(len(data)))
}

func TestArchiveIsAFileSystem(t *testing.T) {
	s := fixture.Copy(t, fixture.Autolock)
	a, files := stage(t, s.Dir, snapshot.Cold)
	if err := fstest.TestFS(a, paths(files)...); err != nil {
		t.Error(err)
	}
}

func TestArchiveNames(t *testing.T) {
	a, err := open(tarOf(t, dir("swarm/"), dir("swarm/b"), file("swarm/b/2"), file("swarm/a"), file("swarm/b/1")))
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(a, "a", "b/1", "b/2"); err != nil {
		t.Error(err)
	}
	if _, err := a.Open("c"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := a.Open("b/../a"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("an unclean name: %v", err)
	}
	if _, err := fs.ReadFile(a, "b"); err == nil {
		t.Error("a directory was read")
	}
}

func TestArchiveRefuses(t *testing.T) {
	link := entry{Typeflag: tar.TypeSymlink, Name: "swarm/link", Linkname: "/etc/shadow"}
	hard := entry{Typeflag: tar.TypeLink, Name: "swarm/hard", Linkname: "swarm/a"}
	fifo := entry{Typeflag: tar.TypeFifo, Name: "swarm/fifo"}
	rootFile := entry{Typeflag: tar.TypeReg, Name: "swarm"}
	good := tarOf(t, dir("swarm"), file("swarm/a"), file("swarm/b"))
	for name, data := range map[string][]byte{
		"a name that leads out":          tarOf(t, dir("swarm"), file("swarm/../../etc/passwd")),
		"a name that leads up":           tarOf(t, dir("swarm"), file("../swarm/a")),
		"an absolute name":               tarOf(t, dir("swarm"), file("/swarm/a")),
		"a name beside the root":         tarOf(t, dir("swarm"), file("etc/passwd")),
		"a name that begins as the root": tarOf(t, dir("swarm"), file("swarmdata")),
		"an unclean name":                tarOf(t, dir("swarm"), dir("swarm/d"), file("swarm/d/../a")),
		"an empty part":                  tarOf(t, dir("swarm"), file("swarm//a")),
		"a symbolic link":                tarOf(t, dir("swarm"), link),
		"a hard link":                    tarOf(t, dir("swarm"), file("swarm/a"), hard),
		"a fifo":                         tarOf(t, dir("swarm"), fifo),
		"a file twice":                   tarOf(t, dir("swarm"), file("swarm/a"), file("swarm/a")),
		"a directory twice":              tarOf(t, dir("swarm"), dir("swarm/a"), dir("swarm/a/")),
		"a file and a directory":         tarOf(t, dir("swarm"), file("swarm/a"), dir("swarm/a")),
		"a file before its directory":    tarOf(t, dir("swarm"), file("swarm/d/a"), dir("swarm/d")),
		"a file below a file":            tarOf(t, dir("swarm"), file("swarm/a"), file("swarm/a/b")),
		"a root that is a file":          tarOf(t, rootFile),
		"no root":                        tarOf(t),
		"a sparse file":                  sparse(t),
		"nothing":                        nil,
		"cut in a header":                good[:700],
		"cut in a file":                  good[:1030],
		"no tar":                         []byte(strings.Repeat("no tar ", 200)),
	} {
		t.Run(name, func(t *testing.T) {
			if a, err := open(data); !errors.Is(err, snapshot.ErrNotArchive) || a != nil {
				t.Errorf("got %v, %v", a, err)
			}
		})
	}
}

// sparse claims a terabyte in a few bytes, as GNU tar writes sparse files; its
// header names the size by a record of the extended header before it.
func sparse(t *testing.T) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	root := dir("swarm")
	if err := w.WriteHeader(&root); err != nil {
		t.Fatal(err)
	}
	content := fmt.Sprintf("%-512s%s", "1\n0\n4\n", "data") // a map of one piece, and the piece
	h := &tar.Header{Typeflag: tar.TypeReg, Name: "swarm/a", Size: int64(len(content)), Format: tar.FormatPAX, PAXRecords: map[string]string{
		"SWM.sparse.major": "1", "SWM.sparse.minor": "0", "SWM.sparse.realsize": "1099511627776", "SWM.sparse.name": "swarm/a",
	}}
	if err := w.WriteHeader(h); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// archive/tar reads these keys and refuses to write them.
	return bytes.ReplaceAll(b.Bytes(), []byte("SWM.sparse."), []byte("GNU.sparse."))
}

// No input makes it panic, and what opens can be read to its end.
func FuzzOpenArchive(f *testing.F) {
	f.Add(tarOf(f, dir("swarm"), dir("swarm/d"), file("swarm/d/a"), file("swarm/b")))
	f.Add(tarOf(f, dir("swarm"), file("swarm/"+strings.Repeat("long/", 60)+"a")))
	f.Add(tarOf(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := open(data)
		if err != nil {
			return
		}
		err = fs.WalkDir(a, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			content, err := fs.ReadFile(a, name)
			if int64(len(content)) != info.Size() {
				t.Errorf("%s: read %d bytes of %d", name, len(content), info.Size())
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}
