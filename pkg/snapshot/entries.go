package snapshot

import (
	"context"
	"strings"
	"time"
)

// Entry is what a listing alone tells of the objects under one name. It is a
// snapshot if it has a manifest. One without an archive is a snapshot that was
// damaged; an archive without a manifest is what a killed backup left.
type Entry struct {
	Name     Name `json:"name"`
	Manifest bool `json:"manifest"`
	Archive  bool `json:"archive"`
	// Size is that of the archive, in bytes; 0 without one.
	Size int64 `json:"size"`
	// Modified is when the last of the objects was written, by the clock of the
	// store.
	Modified time.Time `json:"modified"`
	// Protected says that there is a keep marker, see Protect; Bad that there is
	// a bad marker, see Record.
	Protected bool `json:"protected,omitempty"`
	Bad       bool `json:"bad,omitempty"`
}

// Entries lists what is stored under the names that begin with prefix, oldest
// first within one manager, in one pass and without reading an object. A prefix
// that is longer than a name finds nothing. Errors are those of the store; half
// a list is none.
func Entries(ctx context.Context, s Store, prefix string) ([]Entry, error) {
	if longerThanName(prefix) {
		return nil, nil
	}
	var entries []Entry
	for o, err := range s.List(ctx, prefix) {
		if err != nil {
			return nil, storeError(s, err)
		}
		name, suffix, ok := splitObject(o.Name)
		if !ok {
			continue
		}
		if n := len(entries); n == 0 || entries[n-1].Name != name {
			entries = append(entries, Entry{Name: name})
		}
		entries[len(entries)-1].add(suffix, o)
	}
	return entries, nil
}

// longerThanName says that prefix names an object, or a kind of objects: a
// listing by it would show parts of a snapshot as if they were all of it.
func longerThanName(prefix string) bool {
	parts := strings.SplitN(prefix, "/", 3)
	return len(parts) == 3 && len(parts[2]) > len(timeLayout)
}

func (e *Entry) add(suffix string, o Object) {
	switch suffix {
	case manifestSuffix:
		e.Manifest = true
	case archiveSuffix:
		e.Archive, e.Size = true, o.Size
	case keepSuffix:
		e.Protected = true
	case badSuffix:
		e.Bad = true
	}
	e.Modified = later(e.Modified, o.Modified)
}

// List yields the names of all snapshots whose name begins with prefix, oldest
// first within one manager. It reads no object.
func List(ctx context.Context, s Store, prefix string) ([]Name, error) {
	entries, err := Entries(ctx, s, prefix)
	if err != nil {
		return nil, err
	}
	var names []Name
	for _, e := range entries {
		if e.Manifest {
			names = append(names, e.Name)
		}
	}
	return names, nil
}
