package recover

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/swarmdr/swarmdr/internal/durable"
)

// RunOptions are what carries out a plan. All are needed but Progress.
type RunOptions struct {
	Gather   GatherOptions
	Plan     PlanOptions
	Control  Control
	StateDir string
	// Wait bounds how long one manager is waited for.
	Wait     time.Duration
	Progress func(text string)
}

type run struct {
	o       RunOptions
	journal *Journal
}

func (r *run) plan() *Plan { return &r.journal.Plan }

// Run carries out the plan that token confirms and returns its journal. A plan
// that was begun is gone on with, and the journal of one that is finished is
// returned as it is; otherwise the evidence is gathered anew and must lead to
// the same token (ErrEvidenceChanged). Until the new directory is in place an
// error leaves everything as it was, the engine running.
//
// Its errors are those of Gather and NewPlan, durable.ErrLocked while another
// process runs one, ErrTimeout, ErrOtherSwarm, ErrLost, and those of the
// daemons; the step is named first.
func Run(ctx context.Context, token string, o RunOptions) (*Journal, error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if err := durable.MkdirAll(o.StateDir); err != nil {
		return nil, fmt.Errorf("create state directory: %w", err)
	}
	held, err := lock(ctx, o.StateDir)
	if err != nil {
		return nil, err
	}
	defer held.Close()
	j, err := resume(ctx, token, o)
	if err != nil {
		return nil, err
	}
	r := &run{o, j}
	for i, step := range j.Plan.Steps {
		if j.IsDone(i) {
			continue
		}
		o.Progress(fmt.Sprintf("[%d/%d] %s", i+1, len(j.Plan.Steps), step.Text))
		err := r.do(ctx, step)
		if err == nil {
			err = j.done(i)
		}
		if err != nil {
			return j, r.fail(ctx, step, err)
		}
	}
	return j, nil
}

func lock(ctx context.Context, stateDir string) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return durable.LockFile(ctx, filepath.Join(stateDir, "recover.lock"))
}

// resume finds the recovery of that token, or begins it. One that was cut off
// before the new directory was in place is begun anew, from new evidence: the
// others may have come back in the meantime, and then the engine that was
// stopped for it is needed.
func resume(ctx context.Context, token string, o RunOptions) (*Journal, error) {
	j, err := OpenJournal(o.StateDir)
	if errors.Is(err, ErrNoJournal) {
		return begin(ctx, token, o)
	}
	if err != nil {
		return nil, err
	}
	same := j.Plan.Token == token
	if !j.Finished.IsZero() {
		if same {
			return j, nil
		}
		return begin(ctx, token, o)
	}
	swapped, err := j.swapped()
	switch {
	case err != nil:
		return nil, err
	case swapped && same:
		return j, nil
	case swapped:
		return nil, fmt.Errorf("an unfinished recovery has the token %s: %w", j.Plan.Token, ErrEvidenceChanged)
	}
	if err := j.drop(); err != nil {
		return nil, err
	}
	if j, err = begin(ctx, token, o); err != nil {
		return nil, errors.Join(err, o.Control.Start(context.WithoutCancel(ctx)))
	}
	return j, nil
}

func begin(ctx context.Context, token string, o RunOptions) (*Journal, error) {
	e, err := Gather(ctx, o.Gather)
	if err != nil {
		return nil, err
	}
	p, err := NewPlan(e, o.Plan)
	if err != nil {
		return nil, err
	}
	if p.Token != token {
		return nil, ErrEvidenceChanged
	}
	return newJournal(o.StateDir, p)
}

func (r *run) do(ctx context.Context, s Step) error {
	switch s.Kind {
	case StepStop:
		return r.o.Control.Stop(ctx)
	case StepPrepare:
		return r.prepare(ctx)
	case StepSwap:
		return r.swap(ctx)
	case StepStart:
		return r.o.Control.Start(ctx)
	case StepRevive:
		return r.revive(ctx)
	case StepCompare:
		return r.compare(ctx)
	case StepRejoin:
		return r.rejoin(ctx, s.Target)
	case StepGhosts:
		return r.removeGhosts(ctx)
	case StepProve:
		return r.prove(ctx)
	}
	return fmt.Errorf("unknown step %q in the journal", s.Kind)
}

// fail takes a recovery back that has not changed the directory yet.
func (r *run) fail(ctx context.Context, s Step, err error) error {
	err = fmt.Errorf("%s: %w", s.Kind, err)
	if !r.untouched(s) {
		return err
	}
	r.o.Progress("taking it back: nothing was changed, starting dockerd again")
	return errors.Join(err,
		r.o.Control.Start(context.WithoutCancel(ctx)),
		r.journal.drop())
}

// untouched says that the old directory is still in its place, for sure.
func (r *run) untouched(s Step) bool {
	if s.Kind == StepSwap {
		swapped, err := r.journal.swapped()
		return err == nil && !swapped
	}
	return s.Kind == StepStop || s.Kind == StepPrepare
}

func (r *run) newDir() string { return r.journal.newDir() }

func (r *run) asideDir() string {
	return fmt.Sprintf("%s.swarmdr-old-%s", r.plan().Evidence.Dir, r.plan().Token)
}

// prepare stops the daemon again: after a run that was killed it may have been
// brought up.
func (r *run) prepare(ctx context.Context) error {
	if err := r.o.Control.Stop(ctx); err != nil {
		return err
	}
	if _, err := os.Lstat(r.asideDir()); err == nil { // of an earlier recovery, undone by hand
		return fmt.Errorf("%s is in the way", r.asideDir())
	}
	if err := durable.Remove(r.newDir()); err != nil {
		return err
	}
	if err := r.prepareDir(r.plan().Evidence.Dir, r.newDir()); err != nil {
		return err
	}
	ino, err := inode(r.newDir())
	if err != nil {
		return err
	}
	r.journal.Prepared, r.journal.Aside = ino, r.asideDir()
	return r.journal.save()
}

// swap exchanges the two directories in one step and then gives the old one
// its lasting name.
func (r *run) swap(ctx context.Context) error {
	done, err := r.journal.swapped()
	if err != nil {
		return err
	}
	if !done {
		if err := r.o.Control.Stop(ctx); err != nil {
			return err
		}
		if err := durable.Exchange(r.newDir(), r.plan().Evidence.Dir); err != nil {
			return err
		}
	}
	if _, err := inode(r.asideDir()); err == nil {
		return nil
	}
	return durable.Rename(r.newDir(), r.asideDir())
}
