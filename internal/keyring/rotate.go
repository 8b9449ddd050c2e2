package keyring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/swarmdr/swarmdr/internal/engine"
	"github.com/swarmdr/swarmdr/internal/quorum"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

var (
	// ErrMissed is returned by Rotation.Run before anything is changed: a
	// manager that cannot be reached would need the old key afterwards.
	ErrMissed = errors.New("not all managers are reachable")
	// ErrJustRotated is returned by Rotation.Run when the last rotation is less
	// than ten minutes old and Again is not set.
	ErrJustRotated = errors.New("the unlock key was rotated just now")
	// ErrNotSaved is returned by Rotation.Run after the rotation: the new key
	// is not in all the places it was to be saved in. The swarm has it.
	ErrNotSaved = errors.New("the unlock key was rotated, but the new one is not saved everywhere")
	// ErrNotTaken is returned by Rotation.Run after the rotation: a manager has
	// not taken the new key within the limit.
	ErrNotTaken = errors.New("the unlock key was rotated and saved, but not every manager took it")
)

const (
	justRotated = 10 * time.Minute
	// saveLimit is for asking the swarm for a new key and saving it; an
	// interrupt does not cut it short.
	saveLimit = time.Minute
	// takeLimit is how long a manager may need to take a key. Managers that are
	// up needed less than 2 s (Docker 20.10.24, 28.5.2).
	takeLimit = 30 * time.Second
	// settle is how long a manager whose node key cannot be looked at has to
	// stay reachable before it is assumed to have taken the key.
	settle    = 5 * time.Second
	takeEvery = 200 * time.Millisecond
)

// Swarm is the living swarm. All of it needs a leader.
type Swarm interface {
	Cluster(ctx context.Context) (engine.Cluster, error)
	Quorum(ctx context.Context) (quorum.View, error)
	// UnlockKey is empty when autolock is off.
	UnlockKey(ctx context.Context) (string, error)
	// RotateUnlockKey may have done it although it failed.
	RotateUnlockKey(ctx context.Context) error
}

// Rotation gives a swarm another unlock key and keeps both.
type Rotation struct {
	Swarm    Swarm
	StateDir string
	// Recipients: the old key and the new one are escrowed in StateDir.
	Recipients []string
	// Out: a new file for the new key, in clear. KeyFile: its key is replaced
	// by the new one, see Replace. Either may be empty.
	Out, KeyFile string
	// Dirs are the swarm directories at hand, by node id.
	Dirs map[string]string
	// AllowMissed rotates although managers cannot be reached, Again although
	// the last rotation was just now.
	AllowMissed, Again bool
	Progress           func(step string)

	cluster engine.Cluster
	view    quorum.View
	old     unlock.Key
	key     unlock.Key
	history *History
	result  Result
}

// Result is what a rotation did. It holds no key.
type Result struct {
	ClusterID string `json:"cluster_id"`
	Old       string `json:"old_fingerprint"`
	New       string `json:"new_fingerprint"`
	Version   uint64 `json:"version"`
	// Rotated is false when an earlier run was cut off after its rotation, and
	// this one only did the rest of it.
	Rotated bool `json:"rotated"`
	// Saved are the files that hold the new key, sealed or in clear; Kept the
	// one that holds the key that KeyFile held before.
	Saved    []string `json:"saved"`
	Kept     string   `json:"kept,omitempty"`
	Managers []Taken  `json:"managers"`
}

// Run rotates the key, saves the new one before it does anything else, and
// waits until the managers took it. Killed at any moment, it can be run again:
// it then saves what it finds rotated instead of rotating again.
//
// With ErrNotSaved and ErrNotTaken the key was rotated, or may have been, and
// the result, unless nil, tells what was done. With other errors it was not.
func (r *Rotation) Run(ctx context.Context) (*Result, error) {
	if err := r.look(ctx); err != nil {
		return nil, err
	}
	if !r.begun() {
		if err := r.begin(ctx); err != nil {
			return nil, err
		}
	}
	if err := r.save(ctx); err != nil {
		return &r.result, err
	}
	return &r.result, r.wait(ctx)
}

func (r *Rotation) look(ctx context.Context) (err error) {
	if r.cluster, err = r.Swarm.Cluster(ctx); err != nil {
		return err
	}
	if !r.cluster.Autolock {
		return engine.ErrNoAutolock
	}
	if r.view, err = r.Swarm.Quorum(ctx); err != nil {
		return err
	}
	if r.old, err = r.ask(ctx); err != nil {
		return err
	}
	r.history, err = Load(r.StateDir)
	return err
}

func (r *Rotation) ask(ctx context.Context) (unlock.Key, error) {
	text, err := r.Swarm.UnlockKey(ctx)
	if err != nil {
		return unlock.Key{}, err
	}
	return unlock.ParseKey(text)
}

// begun tells whether an earlier run rotated and was cut off; then the key that
// the swarm has is the new one.
func (r *Rotation) begun() bool {
	b := r.history.Rotating
	if b == nil || b.ClusterID != r.cluster.ID || b.From == r.old.Fingerprint() {
		return false
	}
	r.Progress("an earlier rotation was cut off after it was done: its key is saved now, and not rotated again")
	r.found(r.old, false)
	return true
}

func (r *Rotation) begin(ctx context.Context) error {
	if err := r.refuse(); err != nil {
		return err
	}
	if err := r.prepare(); err != nil {
		return err
	}
	r.Progress("rotating")
	return r.rotate(ctx)
}

func (r *Rotation) refuse() error {
	if away := unreachable(r.view); len(away) > 0 && !r.AllowMissed {
		return fmt.Errorf("%w: %s", ErrMissed, strings.Join(away, ", "))
	}
	e := r.history.Find(r.cluster.ID, r.old.Fingerprint())
	if e == nil || !e.Made || r.Again || time.Since(e.FirstSeen) > justRotated {
		return nil
	}
	return fmt.Errorf("%w, at %s, to %s", ErrJustRotated, e.FirstSeen.Format(time.RFC3339), e.Fingerprint)
}

func unreachable(view quorum.View) []string {
	var names []string
	for _, v := range view.Voters {
		if v.Reach != quorum.Reachable {
			names = append(names, v.Hostname)
		}
	}
	return names
}

// prepare finds out whether the new key can be saved, before there is one, and
// notes that a rotation begins.
func (r *Rotation) prepare() error {
	if r.Out != "" {
		if err := writable(r.Out); err != nil {
			return err
		}
	}
	if r.KeyFile != "" {
		if _, err := Read(r.KeyFile); err != nil {
			return err
		}
	}
	now := time.Now()
	entry := r.history.Note(r.cluster.ID, r.old.Fingerprint(), r.version(r.old), now)
	r.history.Rotating = &Rotating{
		ClusterID: r.cluster.ID, From: r.old.Fingerprint(), Version: r.cluster.Version, Begun: now.UTC().Truncate(time.Second),
	}
	if err := r.history.Save(r.StateDir); err != nil {
		return err
	}
	if len(r.Recipients) == 0 {
		return nil
	}
	path, err := r.escrow(r.old)
	if err != nil {
		return err
	}
	entry.Escrowed(path)
	return r.history.Save(r.StateDir)
}

// version is the kek-version of a node key at hand that key opens, else the
// cluster's version.
func (r *Rotation) version(key unlock.Key) uint64 {
	for _, dir := range r.Dirs {
		if n, err := openNodeKey(dir, key); err == nil && n.Locked() {
			return n.KEKVersion()
		}
	}
	return r.cluster.Version
}

// escrow seals a key in the state directory. One that is there already was
// sealed there by an earlier run: its name is that of the key.
func (r *Rotation) escrow(key unlock.Key) (string, error) {
	path := filepath.Join(r.StateDir, EscrowName(key))
	err := Escrow(path, key, r.Recipients)
	if errors.Is(err, fs.ErrExist) {
		return path, checkEscrowFile(path, key, len(r.Recipients))
	}
	return path, err
}

func checkEscrowFile(path string, key unlock.Key, recipients int) error {
	file, err := os.ReadFile(path)
	if err == nil {
		err = unlock.CheckEscrow(file, key, recipients)
	}
	if err != nil {
		return fmt.Errorf("check %s: %w", path, err)
	}
	return nil
}

// rotate goes by what the swarm has afterwards, not by how the call ended.
func (r *Rotation) rotate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveLimit)
	defer cancel()
	failed := r.Swarm.RotateUnlockKey(ctx)
	key, err := r.askUntil(ctx)
	if err != nil {
		return fmt.Errorf("%w: read it: %w", ErrNotSaved, errors.Join(failed, err))
	}
	if key.Equal(r.old) {
		return errors.Join(errors.New("the swarm kept its unlock key"), failed)
	}
	r.found(key, true)
	return nil
}

// found takes key for the new one. Its version is at least the one after that
// of the cluster before the rotation; a node key will tell exactly.
func (r *Rotation) found(key unlock.Key, rotated bool) {
	b := r.history.Rotating
	r.key = key
	r.result = Result{
		ClusterID: r.cluster.ID, Old: b.From, New: key.Fingerprint(), Version: b.Version + 1,
		Rotated: rotated, Saved: []string{}, Managers: []Taken{},
	}
}

// askUntil asks for the key until it is told or ctx ends: an election may be
// under way.
func (r *Rotation) askUntil(ctx context.Context) (unlock.Key, error) {
	for {
		key, err := r.ask(ctx)
		if err == nil {
			return key, nil
		}
		select {
		case <-ctx.Done():
			return unlock.Key{}, err
		case <-time.After(takeEvery):
		}
	}
}
