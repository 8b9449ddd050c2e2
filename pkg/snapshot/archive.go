package snapshot

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// ErrNotArchive is returned by OpenArchive for what is not a tar of a swarm
// directory.
var ErrNotArchive = errors.New("not an archive of a swarm directory")

// archiveRoot is the directory that all names in an archive begin with.
const archiveRoot = "swarm"

// Archive is an open archive: a read-only file system whose root is the swarm
// directory. Its files implement io.ReaderAt, and it may be read by several
// goroutines if the reader below it may.
type Archive struct {
	data  io.ReaderAt
	nodes map[string]*archiveNode
}

type archiveNode struct {
	header *tar.Header
	offset int64
	names  []string
}

// OpenArchive indexes the tar in data, size bytes long, without reading the
// files in it. It takes only what Stage writes: plain directories and files
// under clean names, each after its directory.
func OpenArchive(data io.ReaderAt, size int64) (*Archive, error) {
	a := &Archive{data: data, nodes: map[string]*archiveNode{}}
	src := io.NewSectionReader(data, 0, size)
	for t := tar.NewReader(src); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %v", ErrNotArchive, err)
		}
		offset, err := src.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, fmt.Errorf("read archive: %w", err)
		}
		if err := a.add(h, offset); err != nil {
			return nil, err
		}
	}
	if a.nodes["."] == nil {
		return nil, fmt.Errorf("%w: no %s directory in it", ErrNotArchive, archiveRoot)
	}
	return a, nil
}

func (a *Archive) add(h *tar.Header, offset int64) error {
	name, ok := nameInArchive(h.Name)
	if !ok {
		return fmt.Errorf("%w: unexpected name %q", ErrNotArchive, h.Name)
	}
	if !isPlain(h) {
		return fmt.Errorf("%w: %q is no plain file or directory", ErrNotArchive, h.Name)
	}
	if a.nodes[name] != nil {
		return fmt.Errorf("%w: %q is in it twice", ErrNotArchive, h.Name)
	}
	a.nodes[name] = &archiveNode{header: h, offset: offset}
	if name == "." && h.Typeflag == tar.TypeDir {
		return nil
	}
	parent := a.nodes[path.Dir(name)]
	if name == "." || parent == nil || parent.header.Typeflag != tar.TypeDir {
		return fmt.Errorf("%w: no directory for %q before it", ErrNotArchive, h.Name)
	}
	parent.names = append(parent.names, path.Base(name))
	return nil
}

// nameInArchive is the name below the root, which itself is ".".
func nameInArchive(full string) (name string, ok bool) {
	full = strings.TrimSuffix(full, "/")
	if full == archiveRoot {
		return ".", true
	}
	name, ok = strings.CutPrefix(full, archiveRoot+"/")
	return name, ok && name != "." && fs.ValidPath(name)
}

// isPlain refuses links and devices, and sparse files: the bytes of those do
// not lie in the archive as they are read.
func isPlain(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return false
		}
	}
	return h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeDir
}

// Open implements fs.FS.
func (a *Archive) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	n := a.nodes[name]
	if n == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if n.header.Typeflag == tar.TypeDir {
		return &archiveDir{archive: a, node: n, path: name}, nil
	}
	return archiveFile{io.NewSectionReader(a.data, n.offset, n.header.Size), n.header.FileInfo()}, nil
}

type archiveFile struct {
	*io.SectionReader
	info fs.FileInfo
}

func (f archiveFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f archiveFile) Close() error               { return nil }

type archiveDir struct {
	archive *Archive
	node    *archiveNode
	path    string
	read    int
}

func (d *archiveDir) Stat() (fs.FileInfo, error) {
	if d.path == "." {
		return rootInfo{d.node.header.FileInfo()}, nil
	}
	return d.node.header.FileInfo(), nil
}

func (d *archiveDir) Close() error { return nil }

func (d *archiveDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.path, Err: errors.New("is a directory")}
}

// ReadDir implements fs.ReadDirFile.
func (d *archiveDir) ReadDir(n int) ([]fs.DirEntry, error) {
	names := d.node.names[d.read:]
	if n > 0 && len(names) == 0 {
		return nil, io.EOF
	}
	if n > 0 {
		names = names[:min(n, len(names))]
	}
	d.read += len(names)
	var entries []fs.DirEntry
	for _, name := range names {
		info := d.archive.nodes[path.Join(d.path, name)].header.FileInfo()
		entries = append(entries, fs.FileInfoToDirEntry(info))
	}
	return entries, nil
}

// rootInfo names the root as fs.FS wants it.
type rootInfo struct{ fs.FileInfo }

func (rootInfo) Name() string { return "." }
