package snapshot

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"time"
)

// Staged is a copy of a swarm directory: its files lie one after another in
// what Stage wrote to.
type Staged struct {
	names []string // in the order of the archive
	nodes map[string]stagedNode
	size  int64 // of all that was written, in bytes
}

// stagedNode is a file or directory as it was when it was copied. Size is what
// was copied of a file, from offset on, in bytes.
type stagedNode struct {
	info   fs.FileInfo
	offset int64
	size   int64
}

func (s *Staged) copy(ctx context.Context, dir, name string, dst io.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n, err := copyNode(filepath.Join(dir, name), dst)
	if err != nil {
		return fmt.Errorf("stage %s: %w", name, err)
	}
	n.offset = s.size
	s.nodes[name] = n
	s.size += n.size
	return nil
}

func copyNode(file string, dst io.Writer) (stagedNode, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return stagedNode{}, ErrChanged
	}
	if err != nil {
		return stagedNode{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		return stagedNode{info: info}, err
	}
	size := info.Size()
	if filepath.Ext(file) == ".wal" {
		size, err = dataEnd(f, size)
	}
	if err != nil {
		return stagedNode{}, err
	}
	_, err = io.CopyN(dst, f, size)
	if errors.Is(err, io.EOF) { // it shrank
		return stagedNode{}, ErrChanged
	}
	return stagedNode{info: info, size: size}, err
}

// take uses the copy that closed has of a file which is still the same.
func (s *Staged) take(closed *Staged, dir, name string) bool {
	if closed == nil {
		return false
	}
	n, ok := closed.nodes[name]
	if !ok {
		return false
	}
	now, err := os.Lstat(filepath.Join(dir, name))
	if err != nil || !sameFile(n.info, now) {
		return false
	}
	s.nodes[name] = n
	return true
}

// sameFile says that nothing was written between the two looks at a file.
func sameFile(a, b fs.FileInfo) bool {
	x, y := a.Sys().(*syscall.Stat_t), b.Sys().(*syscall.Stat_t)
	return os.SameFile(a, b) && x.Size == y.Size && x.Mtim == y.Mtim && x.Ctim == y.Ctim
}

// Archive is the copy as a file system, read from where Stage wrote to.
func (s *Staged) Archive(data io.ReaderAt) (*Archive, error) {
	a := &Archive{data: data, nodes: map[string]*archiveNode{}}
	for _, name := range s.names {
		n := s.nodes[name]
		if err := a.add(header(name, n.info, n.size), n.offset); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// copyBuffer is what is read at once, in bytes.
const copyBuffer = 256 << 10

// WriteTar writes the copy to dst as the tar that OpenArchive reads, and returns
// its files with their digests. It reads from where Stage wrote to.
func (s *Staged) WriteTar(dst io.Writer, data io.ReaderAt) ([]File, error) {
	var files []File
	w := tar.NewWriter(dst)
	buffer := make([]byte, copyBuffer)
	for _, name := range s.names {
		n := s.nodes[name]
		if err := w.WriteHeader(header(name, n.info, n.size)); err != nil {
			return nil, fmt.Errorf("archive %s: %w", name, err)
		}
		if n.info.IsDir() {
			continue
		}
		sum := newDigest()
		_, err := io.CopyBuffer(io.MultiWriter(w, sum), io.NewSectionReader(data, n.offset, n.size), buffer)
		if err != nil {
			return nil, fmt.Errorf("archive %s: %w", name, err)
		}
		files = append(files, n.file(name, sum.sum()))
	}
	return files, w.Close()
}

func (n stagedNode) file(name, sum string) File {
	f := File{Path: name, Mode: fmt.Sprintf("%04o", n.info.Mode().Perm()), Size: n.size, SHA256: sum}
	if n.info.Size() != n.size {
		f.Apparent = n.info.Size()
	}
	return f
}

func header(name string, info fs.FileInfo, size int64) *tar.Header {
	h := &tar.Header{
		Typeflag: tar.TypeReg,
		Name:     path.Join(archiveRoot, name),
		Mode:     int64(info.Mode().Perm()),
		Size:     size,
		ModTime:  info.ModTime().Truncate(time.Second),
		Format:   tar.FormatPAX,
	}
	if info.IsDir() {
		h.Typeflag = tar.TypeDir
	}
	return h
}
