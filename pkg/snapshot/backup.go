package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// Engine is the daemon whose swarm directory is copied.
type Engine interface {
	// Stop returns when the daemon is down. It refuses when that would cost the
	// swarm its quorum, and stops nothing then. It sees to it that the daemon
	// comes up again even if this process is killed before Start.
	Stop(ctx context.Context) error
	// Start returns when the daemon is up, unlocked and a reachable manager
	// again. After a Stop that failed it does what is left to do.
	Start(ctx context.Context) error
}

var (
	// ErrEngineDown is in the error's tree when Backup could not bring the
	// engine up again.
	ErrEngineDown = errors.New("the engine did not come up again")
	// ErrReadBack is returned by Backup when the store gave back other bytes
	// than it was given.
	ErrReadBack = errors.New("the store returned other bytes than it was given")
	// ErrStore is in the error's tree when Backup could not use the store.
	ErrStore = errors.New("store")
)

// BackupOptions say what is backed up, how and where to. All are needed but
// Engine, for a hot copy, Key, for a manager that is not autolocked, ReadKey,
// Hostname, EngineVer and Progress.
type BackupOptions struct {
	Dir        string // the swarm directory
	ScratchDir string // where the staged copy is held, in a file without a name
	Mode       Mode
	Engine     Engine // Cold only
	Key        unlock.Key
	// ReadKey returns the unlock key of the moment. It is asked again when Key
	// does not open the node key: the swarm may have rotated it.
	ReadKey    func(context.Context) (unlock.Key, error)
	Store      Store
	Recipients *Recipients
	Signer     string
	Tool       string
	Hostname   string
	EngineVer  string
	Progress   func(step string)
}

// check refuses what would only fail while the engine is down, or after.
func (o BackupOptions) check() error {
	if o.Mode != Hot && o.Mode != Cold {
		return fmt.Errorf("unknown mode %q", o.Mode)
	}
	if o.Mode == Cold && o.Engine == nil {
		return errors.New("a cold copy needs an engine to stop")
	}
	if err := o.Recipients.check(); err != nil {
		return err
	}
	_, err := parseSigner(o.Signer)
	return err
}

// hotTries is how often a hot copy is taken anew when the directory changed or
// the copy does not prove; a raft snapshot or a segment cut lasts well under a
// second.
const hotTries = 8

// Backup takes one snapshot and returns its manifest. When it returns nil the
// snapshot was decrypted, replayed, stored and read back, and the engine is up.
// On any error nothing is left in the store, and the engine is up unless
// ErrEngineDown is in the error's tree.
func Backup(ctx context.Context, o BackupOptions) (*Manifest, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if err := o.Store.Ready(ctx); err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrStore, o.Store.URL(), err)
	}
	if err := precheck(ctx, &o); err != nil {
		return nil, err
	}
	scratch, err := durable.Scratch(o.ScratchDir)
	if err != nil {
		return nil, err
	}
	defer scratch.Close()
	m := &Manifest{
		Format: FormatVersion, Created: time.Now().UTC().Truncate(time.Millisecond),
		Tool: o.Tool, Mode: o.Mode, Hostname: o.Hostname, Engine: o.EngineVer, Recipients: o.Recipients.Names(),
	}
	var staged *Staged
	if o.Mode == Hot {
		staged, err = stageHot(ctx, &o, m, scratch)
	} else {
		staged, err = stageCold(ctx, &o, m, scratch)
	}
	if err != nil {
		return nil, err
	}
	m.Name = NewName(m.Contents.ClusterID, m.Contents.NodeID, m.Created)
	d := &deposit{o.Store, m, o.Recipients, o.Signer, o.Progress}
	err = d.put(ctx, func(w io.Writer) (err error) {
		m.Files, err = staged.WriteTar(w, scratch)
		return err
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// precheck refuses a directory that could not be copied or proved.
func precheck(ctx context.Context, o *BackupOptions) error {
	if _, err := listDir(o.Dir, o.Mode); err != nil {
		return err
	}
	if err := o.awaitKey(ctx); err != nil {
		return err
	}
	return checkRoom(o.Dir, o.Mode, o.ScratchDir)
}

// stageCold copies what it can before the engine is stopped, so that a large
// log does not lengthen the outage.
func stageCold(ctx context.Context, o *BackupOptions, m *Manifest, scratch *os.File) (*Staged, error) {
	o.Progress("copy the closed segments of " + o.Dir)
	early, err := StageClosed(ctx, o.Dir, scratch)
	if err != nil {
		return nil, err
	}
	o.Progress("stop the engine")
	begin := time.Now()
	staged, err := stopped(ctx, o, early, scratch)
	if err != nil {
		return nil, err
	}
	m.DownMS = time.Since(begin).Milliseconds()
	o.Progress(fmt.Sprintf("the engine is up again after %.1f s", time.Since(begin).Seconds()))
	o.Progress("decrypt and replay the copy")
	return staged, prove(ctx, o, m, staged, scratch)
}

// stopped copies the directory while the engine is down, and starts the engine
// whatever happens, also when ctx is done.
func stopped(ctx context.Context, o *BackupOptions, early *Staged, scratch *os.File) (staged *Staged, err error) {
	defer func() {
		if up := o.Engine.Start(context.WithoutCancel(ctx)); up != nil {
			err = errors.Join(err, fmt.Errorf("%w: %w", ErrEngineDown, up))
		}
	}()
	if err := o.Engine.Stop(ctx); err != nil {
		return nil, fmt.Errorf("stop the engine: %w", err)
	}
	o.Progress("copy " + o.Dir)
	staged, err = Stage(ctx, o.Dir, Cold, scratch, early)
	o.Progress("start the engine")
	return staged, err
}

func stageHot(ctx context.Context, o *BackupOptions, m *Manifest, scratch *os.File) (*Staged, error) {
	for try := 1; ; try++ {
		o.Progress(fmt.Sprintf("copy %s while it is in use", o.Dir))
		staged, err := Stage(ctx, o.Dir, Hot, scratch, nil)
		if err == nil {
			o.Progress("decrypt and replay the copy")
			err = prove(ctx, o, m, staged, scratch)
		}
		if err == nil || !o.worthRetry(err) || try == hotTries {
			return staged, err
		}
		o.Progress(fmt.Sprintf("try again: %v", err))
		if err := errors.Join(rewind(scratch), sleep(ctx, time.Duration(try)*50*time.Millisecond)); err != nil {
			return nil, err
		}
		if err := o.awaitKey(ctx); err != nil {
			return nil, err
		}
	}
}

// worthRetry says whether another hot copy may prove. The engine writes a new
// certificate just after the key of it.
func (o *BackupOptions) worthRetry(err error) bool {
	return worthRetry(err) || o.keyChanged(err) || errors.Is(err, ErrMismatch)
}

func worthRetry(err error) bool {
	damage := (*raftlog.DamageError)(nil)
	return errors.Is(err, ErrChanged) || errors.As(err, &damage)
}

func rewind(f *os.File) error {
	_, err := f.Seek(0, io.SeekStart)
	return errors.Join(f.Truncate(0), err)
}

// prove replays the staged copy and fills in the manifest. A key that was
// rotated just before the copy is read anew.
func prove(ctx context.Context, o *BackupOptions, m *Manifest, staged *Staged, scratch *os.File) error {
	archive, err := staged.Archive(scratch)
	if err != nil {
		return err
	}
	p, err := Prove(archive, o.Key)
	if o.keyChanged(err) {
		o.Progress("read the unlock key again")
		if err := o.readKey(ctx); err != nil {
			return err
		}
		p, err = Prove(archive, o.Key)
	}
	if err != nil {
		return fmt.Errorf("verify the copy: %w", err)
	}
	m.Contents = p.Contents
	return nil
}
