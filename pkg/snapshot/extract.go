package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/swarmdr/swarmdr/internal/durable"
)

// Extract writes the swarm directory to the new directory dst, complete and
// synced or not at all, with the modes and times it was stored with; dst itself
// is 0700. fs.ErrExist is in the error's tree when dst is there already.
func (a *Archive) Extract(ctx context.Context, dst string) error {
	return durable.CreateDir(dst, func(dir string) error {
		err := fs.WalkDir(a, ".", func(name string, d fs.DirEntry, err error) error {
			if err := errors.Join(err, ctx.Err()); err != nil || name == "." {
				return err
			}
			return a.extract(name, filepath.Join(dir, filepath.FromSlash(name)))
		})
		if err != nil {
			return fmt.Errorf("extract: %w", err)
		}
		return nil
	})
}

func (a *Archive) extract(name, path string) error {
	h := a.nodes[name].header
	mode := fs.FileMode(h.Mode).Perm()
	if h.FileInfo().IsDir() {
		return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, mode|0o700))
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, io.NewSectionReader(a.data, a.nodes[name].offset, h.Size))
	return errors.Join(err, f.Chmod(mode), f.Close(), os.Chtimes(path, h.ModTime, h.ModTime))
}
