package recover

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/swarmdr/swarmdr/internal/durable"
)

// Journal is the durable record of one recovery. It is written before the
// first effect and after each step, so that a run that was cut off goes on
// where it stopped. It holds no secrets.
type Journal struct {
	Plan     Plan      `json:"plan"`
	Begun    time.Time `json:"begun"`
	Done     []Done    `json:"done"`
	Prepared uint64    `json:"prepared,omitempty"` // inode of the prepared directory
	Aside    string    `json:"aside,omitempty"`    // where the old directory is
	Finished time.Time `json:"finished,omitzero"`

	path string
}

// Done is a finished step.
type Done struct {
	Step int       `json:"step"`
	At   time.Time `json:"at"`
}

func journalPath(stateDir string) string {
	return filepath.Join(stateDir, "recover.json")
}

// OpenJournal reads the journal of the newest recovery; ErrNoJournal when
// there is none.
func OpenJournal(stateDir string) (*Journal, error) {
	path := journalPath(stateDir)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoJournal
	}
	if err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	j := &Journal{path: path}
	if err := json.Unmarshal(data, j); err != nil {
		return nil, fmt.Errorf("read journal %s: %v", path, err)
	}
	return j, nil
}

// newJournal sets a finished one aside and begins another.
func newJournal(stateDir string, p *Plan) (*Journal, error) {
	if err := durable.MkdirAll(stateDir); err != nil {
		return nil, fmt.Errorf("create journal: %w", err)
	}
	old, err := OpenJournal(stateDir)
	if err == nil {
		name := fmt.Sprintf("%s.%s", old.path, old.Begun.UTC().Format("20060102T150405Z"))
		err = durable.Rename(old.path, name)
	}
	if err != nil && !errors.Is(err, ErrNoJournal) {
		return nil, err
	}
	j := &Journal{Plan: *p, Begun: time.Now().UTC(), path: journalPath(stateDir)}
	return j, j.save()
}

func (j *Journal) save() error {
	data, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return fmt.Errorf("encode journal: %w", err)
	}
	return durable.WriteFile(j.path, data, 0o600)
}

// IsDone says whether step i of the plan is finished.
func (j *Journal) IsDone(i int) bool {
	for _, d := range j.Done {
		if d.Step == i {
			return true
		}
	}
	return false
}

func (j *Journal) done(i int) error {
	j.Done = append(j.Done, Done{i, time.Now().UTC()})
	if len(j.Done) == len(j.Plan.Steps) {
		j.Finished = time.Now().UTC()
	}
	return j.save()
}

// swapped says whether the prepared directory is in place.
func (j *Journal) swapped() (bool, error) {
	for i, step := range j.Plan.Steps {
		if step.Kind == StepSwap && j.IsDone(i) {
			return true, nil
		}
	}
	if j.Prepared == 0 {
		return false, nil
	}
	ino, err := inode(j.Plan.Evidence.Dir)
	return ino == j.Prepared, err
}

func (j *Journal) newDir() string {
	return fmt.Sprintf("%s.swarmdr-new-%s", j.Plan.Evidence.Dir, j.Plan.Token)
}

// drop forgets a recovery that has changed nothing yet, and removes what it
// prepared: with a force-new-cluster a key in clear is among that.
func (j *Journal) drop() error {
	if err := durable.Remove(j.newDir()); err != nil {
		return err
	}
	return durable.Remove(j.path)
}
