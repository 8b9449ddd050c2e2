package snapshot_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// A file that cannot be read is neither damage nor a wrong key.
func TestInspectErrors(t *testing.T) {
	for name, c := range map[string]struct {
		files fs.FS
		want  error
	}{
		"nothing":           {fstest.MapFS{}, raftlog.ErrNotSwarmDir},
		"a worker":          {os.DirFS(fixture.Copy(t, fixture.Worker).Dir), raftlog.ErrWorkerDir},
		"node key":          {deniedFS{os.DirFS(fixture.Copy(t, fixture.Plain).Dir), ".key"}, fs.ErrPermission},
		"segment":           {deniedFS{os.DirFS(fixture.Copy(t, fixture.Plain).Dir), ".wal"}, fs.ErrPermission},
		"raft snapshot":     {deniedFS{os.DirFS(fixture.Copy(t, "28.5.2-raft-snapshot").Dir), ".snap"}, fs.ErrPermission},
		"segment, autolock": {deniedFS{os.DirFS(fixture.Copy(t, fixture.Autolock).Dir), ".wal"}, fs.ErrPermission},
	} {
		t.Run(name, func(t *testing.T) {
			if r, err := snapshot.Inspect(c.files, snapshot.InspectOptions{}); r != nil || !errors.Is(err, c.want) {
				t.Errorf("got %v, %v; want %v", r, err, c.want)
			}
		})
	}
}

// deniedFS lets nobody read files with a suffix.
type deniedFS struct {
	fs.FS
	suffix string
}

func (d deniedFS) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, d.suffix) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return d.FS.Open(name)
}

// Scripts read these names: fields are only ever added.
func TestInspectionAsJSON(t *testing.T) {
	text, err := json.Marshal(snapshot.Inspection{
		Verdict:  snapshot.StatusDamaged,
		Findings: []snapshot.Finding{{Check: "checksums", Status: snapshot.StatusDamaged, Detail: "what", File: "file", Offset: 8}, {Check: "segments", Status: snapshot.StatusOK, Detail: "fine"}},
		NodeID:   "n", Address: "a", First: 1, Last: 2, Commit: 3, Recoverable: map[string]int{"node": 1}, RecoverableIndex: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"verdict":"damaged","findings":[` +
		`{"check":"checksums","status":"damaged","detail":"what","file":"file","offset":8},` +
		`{"check":"segments","status":"ok","detail":"fine"}],` +
		`"node_id":"n","address":"a","first_index":1,"last_index":2,"commit_index":3,"recoverable":{"node":1},"recoverable_index":2}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	for status, word := range map[snapshot.Status]string{
		snapshot.StatusOK: "ok", snapshot.StatusSkipped: "skipped", snapshot.StatusWarning: "warning",
		snapshot.StatusRepairable: "repairable", snapshot.StatusLocked: "locked", snapshot.StatusDamaged: "damaged",
	} {
		if string(status) != word {
			t.Errorf("%q, want %q", status, word)
		}
	}
}
