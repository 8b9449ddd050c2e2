package keyring

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/swarmdr/swarmdr/internal/quorum"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// What is known of a manager after a rotation.
const (
	// TakenProven: the new key opens its node key file.
	TakenProven = "proven"
	// TakenAssumed: it stayed reachable for longer than managers need. Its node
	// key file is not at hand, and the API does not tell.
	TakenAssumed = "assumed"
	// TakenMissed: it cannot be reached, and needs the old key when it comes
	// back.
	TakenMissed = "missed"
	// TakenNot: its node key file is at hand and the new key does not open it.
	TakenNot = "not taken"
)

// Taken is a manager after a rotation.
type Taken struct {
	NodeID   string `json:"node_id"`
	Hostname string `json:"hostname"`
	State    string `json:"state"`
}

// save puts the new key into every place asked for, whatever becomes of the
// others, and then into the history.
func (r *Rotation) save(ctx context.Context) error {
	r.Progress("saving the new key")
	var failed []error
	saved := func(path string, err error) bool {
		if err != nil {
			failed = append(failed, err)
			return false
		}
		r.result.Saved = append(r.result.Saved, path)
		return true
	}
	entry := r.history.Note(r.cluster.ID, r.key.Fingerprint(), r.result.Version, time.Now())
	entry.Made = true
	if len(r.Recipients) > 0 {
		if path, err := r.escrow(r.key); saved(path, err) {
			entry.Escrowed(path)
		}
	}
	if r.Out != "" {
		saved(r.Out, writeOrSame(r.Out, r.key))
	}
	if r.KeyFile != "" {
		kept, err := Replace(r.KeyFile, r.key)
		r.result.Kept = kept
		saved(r.KeyFile, err)
	}
	if len(failed) == 0 {
		r.history.Rotating = nil
	}
	failed = append(failed, r.history.Save(r.StateDir))
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("%w: %w", ErrNotSaved, err)
	}
	return ctx.Err()
}

// writeOrSame takes a file that holds the key already for written: a run that
// was cut off left it.
func writeOrSame(path string, key unlock.Key) error {
	if there, err := Read(path); err == nil && there.Equal(key) {
		return nil
	}
	return Write(path, key)
}

// wait looks at the node keys at hand until the new key opens them, and at the
// swarm for the others.
func (r *Rotation) wait(ctx context.Context) error {
	r.Progress("waiting until the managers took it")
	limited, cancel := context.WithTimeout(ctx, takeLimit)
	defer cancel()
	away := awayIDs(r.view)
	for _, v := range r.view.Voters {
		t := Taken{NodeID: v.ID, Hostname: v.Hostname, State: TakenMissed}
		if dir, atHand := r.Dirs[v.ID]; atHand && !away[v.ID] {
			t.State = r.waitDir(limited, dir)
		} else if !away[v.ID] {
			t.State = TakenAssumed
		}
		r.result.Managers = append(r.result.Managers, t)
	}
	return errors.Join(r.settle(ctx), r.noteVersion(), r.judge())
}

func awayIDs(view quorum.View) map[string]bool {
	away := map[string]bool{}
	for _, v := range view.Voters {
		away[v.ID] = v.Reach != quorum.Reachable
	}
	return away
}

func (r *Rotation) waitDir(ctx context.Context, dir string) string {
	for {
		n, err := openNodeKey(dir, r.key)
		if err == nil && n.Locked() {
			r.result.Version = n.KEKVersion()
			return TakenProven
		}
		select {
		case <-ctx.Done():
			return TakenNot
		case <-time.After(takeEvery):
		}
	}
}

// settle gives managers that are only assumed to have taken the key the time
// to do so, and asks whether they are still there.
func (r *Rotation) settle(ctx context.Context) error {
	assumed := false
	for _, t := range r.result.Managers {
		assumed = assumed || t.State == TakenAssumed
	}
	if !assumed {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(settle):
	}
	view, err := r.Swarm.Quorum(ctx)
	if err != nil {
		return err
	}
	away := awayIDs(view)
	for i := range r.result.Managers {
		if t := &r.result.Managers[i]; t.State == TakenAssumed && away[t.NodeID] {
			t.State = TakenMissed
		}
	}
	return nil
}

// noteVersion puts the version that node keys carry into the history.
func (r *Rotation) noteVersion() error {
	r.history.Find(r.cluster.ID, r.key.Fingerprint()).Version = r.result.Version
	return r.history.Save(r.StateDir)
}

func (r *Rotation) judge() error {
	var names []string
	for _, t := range r.result.Managers {
		if t.State == TakenNot || t.State == TakenMissed && !r.AllowMissed {
			names = append(names, t.Hostname)
		}
	}
	if len(names) > 0 {
		return fmt.Errorf("%w: %v", ErrNotTaken, names)
	}
	return nil
}

// openNodeKey reads the node key of a swarm directory.
func openNodeKey(dir string, key unlock.Key) (*unlock.NodeKey, error) {
	file, err := os.ReadFile(filepath.Join(dir, "certificates", "swarm-node.key"))
	if err != nil {
		return nil, err
	}
	return unlock.OpenNodeKey(file, key)
}
