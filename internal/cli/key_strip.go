package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

type keyStripOptions struct {
	sourceOptions
	outOption
	outputOptions
}

func newKeyStripCommand(s *Streams) *cobra.Command {
	o := keyStripOptions{}
	c := &cobra.Command{
		Use:   "strip",
		Short: "Write a manager's node key without its lock, to a new file",
		Long: `Write the node key of a manager without its lock to a new file (0600): private key
and keys of the raft log in clear, and without its kek-version, which an engine
would compare with the swarm's. In a directory that --out names it is called
swarm-node.key. The source is only read; no file is overwritten, and nothing is
written into the source.

With such a key in a COPY of the directory, an engine starts without being
unlocked; a force-new-cluster must then be given --autolock, or autolock is off
afterwards. ` + "`swarmdr recover`" + ` does all that by itself.

The file is a secret: it opens the raft log with everything in it, and speaks for
the manager. Remove it when it is no longer needed.
` + exitHelp,
		Example: `  swarmdr key strip --dir /mnt/copy/swarm --unlock-key-file /root/unlock.key --out /mnt/stripped.key
  swarmdr key strip --snapshot latest -i /root/identity.txt --unlock-key-file /root/unlock.key --out /mnt`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := o.Validate(); err != nil {
				return err
			}
			return runKeyStrip(c.Context(), s, &o)
		},
	}
	o.sourceOptions.AddFlags(c)
	o.outOption.AddFlags(c)
	o.outputOptions.AddFlags(c)
	return c
}

func (o *keyStripOptions) Validate() error {
	if o.out == "" {
		return usagef("no --out: where to write the node key to")
	}
	return o.outputOptions.Validate()
}

// stripped is the answer of key strip.
type stripped struct {
	File       string `json:"file"`
	WasLocked  bool   `json:"was_locked"`
	KEKVersion uint64 `json:"kek_version"`
	ClusterID  string `json:"cluster_id,omitempty"`
}

func runKeyStrip(ctx context.Context, s *Streams, o *keyStripOptions) error {
	src, err := o.openSource(ctx)
	if err != nil {
		return err
	}
	answer, err := o.strip(src)
	if err := closeAfter(src, err); err != nil {
		return err
	}
	fmt.Fprintf(s.Err, "warning: %s is a secret: with it the raft log opens and anybody is this manager\n", answer.File)
	if o.json() {
		return writeJSON(s.Out, answer)
	}
	was := "which was not locked"
	if answer.WasLocked {
		was = fmt.Sprintf("without its lock of kek-version %d", answer.KEKVersion)
	}
	_, err = fmt.Fprintf(s.Out, "%s: the node key, %s\n", answer.File, was)
	return err
}

func (o *keyStripOptions) strip(src *source) (stripped, error) {
	file, info, err := readNodeKey(src)
	if err != nil {
		return stripped{}, err
	}
	nodeKey, err := unlock.OpenNodeKey(file, src.key)
	if err != nil {
		return stripped{}, err
	}
	plain, err := nodeKey.Strip()
	if err != nil {
		return stripped{}, err
	}
	answer := stripped{o.target("swarm-node.key"), info.Locked, info.KEKVersion, clusterOf(src)}
	if err := refuseInside(src, answer.File); err != nil {
		return answer, err
	}
	err = durable.CreateFile(answer.File, 0o600, func(w io.Writer) error {
		_, err := w.Write(plain)
		return err
	})
	return answer, notOverwritten(answer.File, err)
}

var errInsideSource = errors.New("a node key in clear is not written into a swarm directory")

// refuseInside compares the directories above path with that of the source. A
// snapshot is no directory: none is the same.
func refuseInside(src fs.FS, path string) error {
	root, err := fs.Stat(src, ".")
	if err != nil {
		return fmt.Errorf("open swarm directory: %w", err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return err
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if st, err := os.Stat(dir); err == nil && os.SameFile(st, root) {
			return fmt.Errorf("%s: %w", path, errInsideSource)
		}
	}
	return nil
}
