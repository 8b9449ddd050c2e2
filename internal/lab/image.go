package lab

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/moby/moby/client"
)

// TaskImage is on every node of a lab: one static executable, swarmdr itself,
// that runs `swarmdr lab task` until it is told to end.
const TaskImage = "swarmdr/task:1"

const tarBlock = 512

// Task is the program of the task image: it says that it runs, and runs until
// ctx is done.
func Task(ctx context.Context, out io.Writer) error {
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("read host name: %v", err)
	}
	if _, err := fmt.Fprintf(out, "task runs on %s\n", host); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// importImage makes TaskImage on the node's engine.
func (n *Node) importImage(ctx context.Context) error {
	exe, err := os.Open(n.lab.state.Swarmdr)
	if err != nil {
		return fmt.Errorf("open executable: %v", err)
	}
	defer exe.Close()
	archive, err := taskArchive(exe)
	if err != nil {
		return err
	}
	err = n.with(func(c *client.Client) error { return importArchive(ctx, c, archive) })
	if err != nil {
		return fmt.Errorf("import task image on %s: %v", n.Name, err)
	}
	return nil
}

func importArchive(ctx context.Context, c *client.Client, archive io.Reader) error {
	res, err := c.ImageImport(ctx, client.ImageImportSource{Source: archive, SourceName: "-"}, TaskImage,
		client.ImageImportOptions{Changes: []string{`ENTRYPOINT ["/swarmdr","lab","task"]`}})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res)
	return errors.Join(err, res.Close())
}

// taskArchive is a tar of one file: its header, the file, padding to a whole
// block, and two empty blocks. Nothing is held in memory but the header.
func taskArchive(exe *os.File) (io.Reader, error) {
	info, err := exe.Stat()
	if err != nil {
		return nil, fmt.Errorf("read executable: %v", err)
	}
	header := &bytes.Buffer{}
	err = tar.NewWriter(header).WriteHeader(&tar.Header{
		Name: "swarmdr", Mode: 0o755, Size: info.Size(), Format: tar.FormatUSTAR,
	})
	if err != nil {
		return nil, fmt.Errorf("write image header: %v", err)
	}
	padding := (tarBlock - info.Size()%tarBlock) % tarBlock
	tail := bytes.NewReader(make([]byte, padding+2*tarBlock))
	return io.MultiReader(header, io.LimitReader(exe, info.Size()), tail), nil
}

// checkStatic refuses an executable that could not run alone in an image.
func checkStatic(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("read executable %s: %v", path, err)
	}
	loader := func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }
	if slices.ContainsFunc(f.Progs, loader) {
		err = fmt.Errorf("%w: %s", ErrNotStatic, path)
	}
	return errors.Join(err, f.Close())
}
