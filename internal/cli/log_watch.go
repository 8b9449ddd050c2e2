package cli

import (
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// watch tells whether the files of a log have changed, by their names, sizes and
// times: the engine allocates a segment before it writes to it.
type watch struct {
	fsys fs.FS
	seen string
}

// timeGrain is more than a file system takes to tell two writes apart. What was
// written within it may be written again under the same time.
const timeGrain = 50 * time.Millisecond

// changed is true the first time.
func (w *watch) changed() bool {
	now := time.Now()
	list, newest := w.list()
	if list == w.seen {
		return false
	}
	w.seen = list
	if age := now.Sub(newest); age < timeGrain && age > -timeGrain {
		w.forget()
	}
	return true
}

// forget has changed be true once more.
func (w *watch) forget() { w.seen = "" }

// list is never empty. What vanishes while it is listed is an error in it, and a
// change the next time.
func (w *watch) list() (string, time.Time) {
	var b strings.Builder
	var newest time.Time
	for _, root := range []string{"raft", "certificates/swarm-node.key"} {
		err := fs.WalkDir(w.fsys, root, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			if info.ModTime().After(newest) {
				newest = info.ModTime()
			}
			fmt.Fprintln(&b, name, info.Size(), info.ModTime().UnixNano())
			return nil
		})
		fmt.Fprintln(&b, root, err)
	}
	return b.String(), newest
}
