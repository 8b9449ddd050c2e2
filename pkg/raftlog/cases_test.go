package raftlog_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/swarmdr/swarmdr/internal/swarmgen"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// keysOf opens the node key of a generated directory.
func keysOf(t testing.TB, dir, unlockKey string) raftlog.Decrypter {
	t.Helper()
	key := unlock.Key{}
	if unlockKey != "" {
		var err error
		key, err = unlock.ParseKey(unlockKey)
		must(t, err)
	}
	file, err := os.ReadFile(filepath.Join(dir, "certificates/swarm-node.key"))
	must(t, err)
	nodeKey, err := unlock.OpenNodeKey(file, key)
	must(t, err)
	return nodeKey.DEKs()
}

// Every directory that an engine can have left reads as swarmkit's own store
// has it.
func TestEveryDirectory(t *testing.T) {
	for _, c := range swarmgen.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "swarm")
			want := c.Build(t, dir)
			before := fingerprint(t, dir)
			dec := keysOf(t, dir, want.UnlockKey)
			l, err := raftlog.Open(os.DirFS(dir), dec)
			must(t, err)
			checkLog(t, l, want)
			sameContent(t, replay(t, l, raftlog.StateOptions{}), want.State)
			checkVerified(t, os.DirFS(dir), dec, want)
			if diff := cmp.Diff(before, fingerprint(t, dir)); diff != "" {
				t.Errorf("reading changed the directory: %s", diff)
			}
		})
	}
}

func checkLog(t *testing.T, l *raftlog.Log, want swarmgen.Expect) {
	t.Helper()
	if l.LastIndex() != want.Last || l.LastTerm() != want.Term || l.HardState().Commit != want.Commit {
		t.Errorf("last %d, term %d, commit %d; want %d, %d, %d", l.LastIndex(), l.LastTerm(), l.HardState().Commit, want.Last, want.Term, want.Commit)
	}
	// swarmkit begins with a raft snapshot that the log does not know; we don't.
	if l.RaftSnapshot().Index != want.RaftSnapshot && !want.Warns(swarmgen.FileWithoutMarker) {
		t.Errorf("raft snapshot %d, want %d", l.RaftSnapshot().Index, want.RaftSnapshot)
	}
	if l.Self().NodeID != want.NodeID || l.Self().RaftID != want.Self.RaftID || l.Self().Addr != want.Self.Addr {
		t.Errorf("self %+v, want %+v", l.Self(), want.Self)
	}
	if l.Clear() != want.Warns(swarmgen.PlaintextLog) || len(l.OldDirs()) > 0 != want.Warns(swarmgen.PlaintextLeftover) {
		t.Errorf("in clear %t, beside it %v", l.Clear(), l.OldDirs())
	}
	switch torn := l.Torn(); {
	case torn == nil && want.TornFile != "":
		t.Errorf("not torn, want %s at %d", want.TornFile, want.TornAt)
	case torn != nil && (filepath.Base(torn.File) != filepath.Base(want.TornFile) || torn.Offset != want.TornAt):
		t.Errorf("torn %+v, want %q at %d", torn, want.TornFile, want.TornAt)
	}
}

func checkVerified(t *testing.T, fsys fs.FS, dec raftlog.Decrypter, want swarmgen.Expect) {
	t.Helper()
	v, err := raftlog.Verify(fsys, dec)
	must(t, err)
	must(t, v.Err)
	sameContent(t, v.State, want.State)
	var voters []uint64
	for _, m := range v.State.Members {
		voters = append(voters, m.RaftID)
	}
	if !slices.Equal(voters, want.Members) {
		t.Errorf("voters %x, want %x", voters, want.Members)
	}
	entries := uint64(0)
	for _, err := range v.Log.Entries(0) {
		must(t, err)
		entries++
	}
	if got := v.Coverage.Entries + v.Coverage.Unreadable; got < entries {
		t.Errorf("verified %d entries of %d", got, entries)
	}
}
