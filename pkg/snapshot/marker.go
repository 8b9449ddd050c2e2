package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrBadMarker is in the error's tree when a marker cannot be read. It counts
// all the same.
var ErrBadMarker = errors.New("malformed marker")

const (
	markerFormat = 1
	maxMarker    = 64 << 10 // bytes
	maxReason    = 4 << 10  // bytes; six times as many when escaped
)

// Marker is a note beside a snapshot: why it is protected, or why it is bad.
// It is not signed: whoever can write the store can write one.
type Marker struct {
	Name   Name      `json:"name"`
	Reason string    `json:"reason"`
	By     string    `json:"by,omitempty"`
	At     time.Time `json:"at"`
}

type markerFile struct {
	Format int `json:"format"`
	Marker
}

func putMarker(ctx context.Context, s Store, object string, m Marker) error {
	if len(m.Reason)+len(m.By) > maxReason {
		return fmt.Errorf("put %s: the reason is longer than %d bytes", object, maxReason)
	}
	m.At = time.Now().UTC().Truncate(time.Second)
	data, err := json.Marshal(markerFile{markerFormat, m})
	if err != nil {
		return fmt.Errorf("encode marker: %w", err)
	}
	err = s.Put(ctx, object, func(w io.Writer) error {
		_, err := w.Write(append(data, '\n'))
		return err
	})
	if err != nil {
		return storeError(s, err)
	}
	return nil
}

func getMarker(ctx context.Context, s Store, name Name, object string) (Marker, error) {
	r, err := s.Get(ctx, object)
	if err != nil {
		return Marker{Name: name}, storeError(s, err)
	}
	data, err := io.ReadAll(io.LimitReader(r, maxMarker))
	if err := errors.Join(err, r.Close()); err != nil {
		return Marker{Name: name}, storeError(s, err)
	}
	file := markerFile{}
	if err := json.Unmarshal(data, &file); err != nil {
		return Marker{Name: name}, fmt.Errorf("%s: %w: %v", object, ErrBadMarker, err)
	}
	if file.Format < 1 || file.Format > markerFormat || file.Name != name {
		return Marker{Name: name}, fmt.Errorf("%s: %w: format %d of %q", object, ErrBadMarker, file.Format, file.Name)
	}
	return file.Marker, nil
}

// markers reads those that the listing shows, in its order. What cannot be read
// is told in the error, and its Marker has a name only.
func markers(ctx context.Context, s Store, prefix string, object func(Entry) string) ([]Marker, error) {
	entries, err := Entries(ctx, s, prefix)
	if err != nil {
		return nil, err
	}
	found, unread := []Marker{}, error(nil)
	for _, e := range entries {
		name := object(e)
		if name == "" {
			continue
		}
		m, err := getMarker(ctx, s, e.Name, name)
		if errors.Is(err, ErrNotExist) { // removed since
			continue
		}
		found, unread = append(found, m), errors.Join(unread, err)
	}
	return found, unread
}
