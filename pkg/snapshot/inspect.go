package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// Status is what became of a check.
type Status string

// The statuses, the graver the later. A warning needs no repair; what is
// repairable loses nothing that was acknowledged.
const (
	StatusOK         Status = "ok"
	StatusSkipped    Status = "skipped"
	StatusWarning    Status = "warning"
	StatusRepairable Status = "repairable"
	StatusLocked     Status = "locked"
	StatusDamaged    Status = "damaged"
)

func (s Status) gravity() int {
	return slices.Index([]Status{StatusOK, StatusSkipped, StatusWarning, StatusRepairable, StatusLocked, StatusDamaged}, s)
}

// Finding is what one check came to.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	// Detail says what was found, in a sentence without secrets.
	Detail string `json:"detail"`
	// File is the path below the swarm directory, Offset the first damaged
	// byte in it; both only of damage.
	File   string `json:"file,omitempty"`
	Offset int64  `json:"offset,omitempty"`
}

// Inspection is the answer of [Inspect].
type Inspection struct {
	// Verdict is the gravest status, but for warnings and skipped checks, in
	// spite of which a directory is ok.
	Verdict  Status    `json:"verdict"`
	Findings []Finding `json:"findings"`
	// NodeID and Address are those of the manager, if they could be read.
	NodeID  string `json:"node_id,omitempty"`
	Address string `json:"address,omitempty"`
	// First, Last and Commit are indexes: of the first and the last good
	// entry, and the commit index on disk.
	First  uint64 `json:"first_index"`
	Last   uint64 `json:"last_index"`
	Commit uint64 `json:"commit_index"`
	// Recoverable counts the objects of the state after the last good entry,
	// by kind; nil where there is none, or no key.
	Recoverable map[string]int `json:"recoverable,omitempty"`
	// RecoverableIndex is the entry that this is the state of.
	RecoverableIndex uint64 `json:"recoverable_index,omitempty"`
}

// InspectOptions are those of [Inspect].
type InspectOptions struct {
	// Key may be zero for a manager that is not locked.
	Key unlock.Key
	// NoKey leaves out all checks that need the keys in the node key file.
	NoKey bool
	// Now is the time that certificates are checked against.
	Now time.Time
}

// Inspect checks everything that can be checked in the swarm directory at the
// root of fsys, of a manager that is stopped or a copy, and goes on behind the
// first fault. It writes nothing. Damage and wrong keys are findings; the error
// is raftlog.ErrNotSwarmDir, raftlog.ErrWorkerDir, or that of the file system.
func Inspect(fsys fs.FS, o InspectOptions) (*Inspection, error) {
	i := &inspector{fsys: fsys, o: o, report: &Inspection{Verdict: StatusOK}}
	if err := i.run(); err != nil {
		return nil, err
	}
	return i.report, nil
}

func (i *inspector) run() error {
	if err := i.openKey(); err != nil {
		return err
	}
	if err := i.readLog(); err != nil {
		return err
	}
	i.checkLog()
	i.checkState()
	i.checkCertificates()
	for _, f := range i.report.Findings {
		if f.Status.gravity() > i.report.Verdict.gravity() && f.Status.gravity() > StatusWarning.gravity() {
			i.report.Verdict = f.Status
		}
	}
	return nil
}

// inspector carries what the checks share.
type inspector struct {
	fsys    fs.FS
	o       InspectOptions
	report  *Inspection
	nodeKey *unlock.NodeKey // nil where it cannot be opened
	keyErr  error
	log     *raftlog.Log // nil where it has no beginning
	state   *raftlog.State
	read    *raftlog.Verified
	damage  *raftlog.DamageError
}

func (i *inspector) note(check string, status Status, format string, args ...any) {
	i.report.Findings = append(i.report.Findings, Finding{Check: check, Status: status, Detail: fmt.Sprintf(format, args...)})
}

func (i *inspector) damaged(check string, d *raftlog.DamageError) {
	detail := d.What
	if d.Err != nil {
		detail += ": " + d.Err.Error()
	}
	i.report.Findings = append(i.report.Findings, Finding{Check: check, Status: StatusDamaged, Detail: detail, File: d.File, Offset: d.Offset})
}

// openKey fails where the file cannot be read at all.
func (i *inspector) openKey() error {
	if i.o.NoKey {
		return nil
	}
	i.nodeKey, i.keyErr = OpenNodeKey(i.fsys, i.o.Key)
	format := (*unlock.FormatError)(nil)
	for _, told := range []error{raftlog.ErrNotSwarmDir, unlock.ErrLocked, unlock.ErrWrongKey} {
		if errors.Is(i.keyErr, told) {
			return nil
		}
	}
	if errors.As(i.keyErr, &format) {
		return nil
	}
	return i.keyErr
}

// readLog reads the log as far as it is good.
func (i *inspector) readLog() error {
	var dec raftlog.Decrypter
	if i.nodeKey != nil {
		dec = i.nodeKey.DEKs()
	}
	read, err := raftlog.Verify(i.fsys, dec)
	if err != nil && dec != nil && !errors.As(err, new(*raftlog.DamageError)) {
		// A key that does not fit keeps even membership from being read.
		i.read = &raftlog.Verified{Err: err}
		read, err = raftlog.Verify(i.fsys, nil)
	}
	if errors.As(err, &i.damage) {
		return nil
	}
	if err != nil {
		return err
	}
	if i.read != nil {
		read.Err = i.read.Err
	}
	i.read, i.log, i.state, i.damage = read, read.Log, read.State, read.Log.Damage()
	if i.state != nil && i.state.Index == 0 {
		i.state = nil // nothing stands before the damage
	}
	self, st := i.log.Self(), i.log.HardState()
	i.report.NodeID, i.report.Address = self.NodeID, self.Addr
	i.report.First, i.report.Last, i.report.Commit = i.log.FirstIndex(), i.log.LastIndex(), st.Commit
	if i.state != nil {
		i.report.Recoverable, i.report.RecoverableIndex = i.state.Counts(), i.state.Index
	}
	return nil
}
