package recover

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"golang.org/x/sys/unix"
)

const nodeKeyFile = "certificates/swarm-node.key"

// prepareDir writes the directory that will take the place of the survivor's,
// complete and durable, into dst, which must not exist.
func (r *run) prepareDir(src, dst string) error {
	proof, err := snapshot.Prove(os.DirFS(src), r.o.Gather.Key)
	if err != nil {
		return err
	}
	c, planned := proof.Contents, r.plan().Evidence.Contents
	if c.Index != planned.Index || c.Term != planned.Term || c.NodeID != planned.NodeID {
		return ErrEvidenceChanged
	}
	if err := os.Mkdir(dst, 0o700); err != nil {
		return err
	}
	if r.plan().Method == Rebuild {
		err = r.prepareRebuild(src, dst, proof)
	} else {
		err = r.prepareForce(src, dst, proof)
	}
	if err != nil {
		return err
	}
	return durable.SyncTree(dst)
}

// prepareForce keeps the log, and with it the tail: the engine's own
// force-new-cluster drops what lies beyond the commit index on disk. Without
// docker-state.json and state.json the daemon comes up inactive and dials no
// old peer.
func (r *run) prepareForce(src, dst string, p *snapshot.Proof) error {
	if err := copyTree(os.DirFS(src), dst, dockerState, "state.json"); err != nil {
		return err
	}
	if !r.plan().DiscardTail {
		if err := raftlog.KeepTail(dst); err != nil {
			return err
		}
	}
	if !p.NodeKey.Locked() {
		return nil
	}
	open, err := p.NodeKey.Strip()
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dst, nodeKeyFile), open, 0o600)
}

// prepareRebuild writes a fresh log of one member; the key file stays locked.
func (r *run) prepareRebuild(src, dst string, p *snapshot.Proof) error {
	if err := copyTree(os.DirFS(src), dst, dockerState, "state.json", "raft"); err != nil {
		return err
	}
	state := p.State
	if r.plan().DiscardTail {
		var err error
		if state, err = p.Log.State(raftlog.StateOptions{CommittedOnly: true}); err != nil {
			return err
		}
	}
	self := p.Log.Self()
	self.Addr = r.plan().Address
	if err := raftlog.WriteRebuilt(dst, state, self, p.NodeKey.DEKs()); err != nil {
		return err
	}
	return readdress(src, dst, r.plan())
}

// copyTree copies directories and regular files, with their modes, but those
// named in without and what no manager needs: preallocated and broken WAL
// files. It does not sync.
func copyTree(src fs.FS, dst string, without ...string) error {
	return fs.WalkDir(src, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		if slices.Contains(without, name) || strings.HasSuffix(name, ".tmp") || strings.HasSuffix(name, ".broken") {
			return skip(d)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch to := filepath.Join(dst, name); {
		case d.IsDir():
			return errors.Join(os.Mkdir(to, 0o700), os.Chmod(to, info.Mode().Perm()))
		case d.Type().IsRegular():
			return copyFile(src, name, to, info)
		}
		return nil
	})
}

func skip(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

func copyFile(src fs.FS, name, to string, info fs.FileInfo) error {
	in, err := src.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(info.Mode().Perm()), out.Close())
}

func inode(path string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, fmt.Errorf("stat %s: %w", path, err)
	}
	return st.Ino, nil
}
