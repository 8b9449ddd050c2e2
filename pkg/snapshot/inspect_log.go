package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// checkLog checks what the log itself must keep to.
func (i *inspector) checkLog() {
	i.checkStructure()
	if i.log == nil {
		return
	}
	i.checkTail()
	i.checkRaftSnapshot()
	i.checkCommit()
	i.checkKey()
	i.checkReplay()
	i.checkLeftovers()
}

// checkStructure names the invariant that the first damage breaks. Those behind
// it hold as far as the log was read.
func (i *inspector) checkStructure() {
	what := map[raftlog.Invariant]string{
		raftlog.Segments:  "segments follow each other",
		raftlog.Checksums: "the chain of checksums is whole",
		raftlog.Records:   "all records can be decoded",
		raftlog.Entries:   "indexes and terms of the entries follow each other",
		raftlog.Snapshots: "entries begin at 1, or a raft snapshot leads to them",
	}
	for _, invariant := range []raftlog.Invariant{raftlog.Segments, raftlog.Checksums, raftlog.Records, raftlog.Entries, raftlog.Snapshots} {
		switch {
		case i.damage != nil && i.damage.Invariant() == invariant:
			i.damaged(string(invariant), i.damage)
		case i.log == nil:
			i.note(string(invariant), StatusSkipped, "the log has no beginning")
		case i.damage != nil:
			i.note(string(invariant), StatusOK, "%s, up to the damage", what[invariant])
		default:
			i.note(string(invariant), StatusOK, "%s", what[invariant])
		}
	}
}

func (i *inspector) checkTail() {
	if torn := i.log.Torn(); torn != nil {
		i.note("torn-tail", StatusRepairable, "%s: %s; %d bytes that were never acknowledged follow byte %d", torn.File, torn.What, torn.Lost, torn.Offset)
		return
	}
	i.note("torn-tail", StatusOK, "the last record is complete")
}

func (i *inspector) checkRaftSnapshot() {
	const check = "raft-snapshot"
	base := i.log.RaftSnapshot()
	for _, broken := range i.log.BrokenSnapshots() {
		i.note(check, StatusWarning, "%s cannot be read: %s; the log is complete without it", broken.File, broken.What)
	}
	for _, name := range i.unannounced() {
		if i.damage != nil {
			i.note(check, StatusWarning, "%s may hold more than the entries before the damage do", name)
			continue
		}
		i.note(check, StatusWarning, "the log does not know %s and is complete without it; the engine would begin with it", name)
	}
	if index, term := i.log.Announced(); index > base.Index {
		i.note(check, StatusWarning, "that of index %d, term %d was announced and has no file; the log is complete without it", index, term)
	}
	switch {
	case base.Index == 0 && i.damage != nil:
		i.note(check, StatusOK, "none before the damage")
		return
	case base.Index == 0:
		i.note(check, StatusOK, "none yet: the log begins with the swarm")
		return
	}
	i.note(check, StatusOK, "%s holds everything up to index %d, term %d", base.File, base.Index, base.Term)
}

// unannounced are the raft snapshots newer than any that the log has a marker for.
func (i *inspector) unannounced() []string {
	dir := strings.Replace(path.Dir(i.log.Segments()[0]), "raft/wal", "raft/snap", 1)
	names, _ := fs.Glob(i.fsys, dir+"/*.snap") // fails on a malformed pattern alone
	newest, _ := i.log.Announced()
	return slices.DeleteFunc(names, func(name string) bool {
		_, hex, _ := strings.Cut(strings.TrimSuffix(path.Base(name), ".snap"), "-")
		index, err := strconv.ParseUint(hex, 16, 64)
		return err != nil || index <= newest
	})
}

// checkCommit compares indexes: raft snapshot <= commit <= last entry.
func (i *inspector) checkCommit() {
	const check = "commit-index"
	base, last, commit := i.log.RaftSnapshot().Index, i.log.LastIndex(), i.log.HardState().Commit
	switch {
	case commit > last:
		i.note(check, StatusDamaged, "it is %d, and the last good entry %d: %d committed entries are missing", commit, last, commit-last)
	case commit < base:
		i.note(check, StatusRepairable, "it is %d, before the raft snapshot at %d: the engine refuses to start (moby#46825)", commit, base)
	case last > commit:
		i.note(check, StatusOK, "%d; %d entries lie behind it and may have been acknowledged", commit, last-commit)
	default:
		i.note(check, StatusOK, "%d, the last entry", commit)
	}
}

// checkKey tells whether the node key opens, and the log with it.
func (i *inspector) checkKey() {
	const check = "node-key"
	format := (*unlock.FormatError)(nil)
	switch {
	case i.log.Clear():
		i.note(check, StatusOK, "not needed: Docker 1.12 did not encrypt its log")
	case i.o.NoKey:
		i.note(check, StatusSkipped, "not opened, as asked")
	case errors.As(i.keyErr, &format), errors.Is(i.keyErr, raftlog.ErrNotSwarmDir):
		i.note(check, StatusDamaged, "%v", i.keyErr)
	case i.keyErr != nil:
		i.note(check, StatusLocked, "%v", i.keyErr)
	default:
		i.note(check, StatusOK, "%s", i.keyState())
	}
}

func (i *inspector) keyState() string {
	words := []string{"not locked"}
	if i.nodeKey.Locked() {
		words = []string{"the unlock key opens it"}
	}
	if i.nodeKey.DEKs().HasPending() {
		words = append(words, "a rotation of the log's key runs")
	}
	if i.nodeKey.NeedsRotation() {
		words = append(words, "the log's key is to be rotated")
	}
	return strings.Join(words, "; ")
}

// checkReplay covers decryption and replay.
func (i *inspector) checkReplay() {
	damage := (*raftlog.DamageError)(nil)
	switch {
	case i.read.Err != nil && errors.As(i.read.Err, &damage):
		i.damaged("decryption", damage)
	case i.read.Err != nil:
		i.note("decryption", StatusDamaged, "%v", i.read.Err)
	case i.read.State != nil && i.state == nil:
		i.note("decryption", StatusSkipped, "nothing stands before the damage")
	case i.state == nil:
		i.note("decryption", StatusSkipped, "no key")
		i.note("replay", StatusSkipped, "no key")
		return
	default:
		i.note("decryption", StatusOK, "%s", covered(i.read.Coverage))
	}
	if i.state == nil {
		i.note("replay", StatusSkipped, "nothing to begin with")
		return
	}
	if n := len(i.state.Refused); n > 0 {
		first := i.state.Refused[0]
		i.note("replay", StatusWarning, "%d entries do not fit the objects before them and had no effect, as in the engine; the first is %d: %s", n, first.Index, first.What)
		return
	}
	i.note("replay", StatusOK, "every entry fits the objects before it; the state is that of index %d", i.state.Index)
}

func covered(c raftlog.Coverage) string {
	text := fmt.Sprintf("%d entries decrypted and decoded", c.Entries)
	if c.Unreadable > 0 {
		text += fmt.Sprintf("; %d before the raft snapshot were written with a key that the manager has dropped, as engines do", c.Unreadable)
	}
	return text
}

// rootKeyPath is where Docker 1.12 kept the CA key; no later engine removes it.
const rootKeyPath = "certificates/swarm-root-ca.key"

func (i *inspector) checkLeftovers() {
	const check = "leftovers"
	before := len(i.report.Findings)
	if old := i.log.OldDirs(); len(old) > 0 {
		i.note(check, StatusWarning, "%s of an older engine hold secrets in clear", strings.Join(old, ", "))
	}
	if i.log.Clear() {
		i.note(check, StatusWarning, "the log is that of Docker 1.12 or a development build and holds secrets in clear")
	}
	if _, err := fs.Stat(i.fsys, rootKeyPath); err == nil {
		i.note(check, StatusWarning, "%s of Docker 1.12 holds the CA key in clear", rootKeyPath)
	}
	if len(i.report.Findings) == before {
		i.note(check, StatusOK, "nothing in clear lies beside it")
	}
}
