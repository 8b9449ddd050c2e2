package snapshot

import (
	"io/fs"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// What the tests of sealing, Fetch and Backup need.
const HotTries = hotTries

var (
	Seal     = seal
	Unseal   = unseal
	Download = download
)

// InspectState is Inspect that also returns the state it counted, nil where
// there is none.
func InspectState(fsys fs.FS, o InspectOptions) (*Inspection, *raftlog.State, error) {
	i := &inspector{fsys: fsys, o: o, report: &Inspection{Verdict: StatusOK}}
	err := i.run()
	return i.report, i.state, err
}
