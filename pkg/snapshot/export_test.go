package snapshot

import (
	"io"
	"io/fs"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// What the tests of sealing, Fetch and Backup need.
const HotTries = hotTries

var (
	Unseal   = unseal
	Download = download
)

// Seal seals what it reads from src.
func Seal(dst io.Writer, to *Recipients, src io.Reader) error {
	return seal(dst, to, func(w io.Writer) error {
		_, err := io.Copy(w, src)
		return err
	})
}

// InspectState is Inspect that also returns the state it counted, nil where
// there is none.
func InspectState(fsys fs.FS, o InspectOptions) (*Inspection, *raftlog.State, error) {
	i := &inspector{fsys: fsys, o: o, report: &Inspection{Verdict: StatusOK}}
	err := i.run()
	return i.report, i.state, err
}
