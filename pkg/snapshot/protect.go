package snapshot

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Protect puts a keep marker beside the snapshot: retention lets it stay until
// Unprotect. reason and by are for people. Errors are ErrNotExist when there is
// no such snapshot, ErrExist when it is protected, and those of the store.
func Protect(ctx context.Context, s Store, name Name, reason, by string) error {
	if err := exists(ctx, s, name); err != nil {
		return err
	}
	if err := putMarker(ctx, s, name.keep(), Marker{Name: name, Reason: reason, By: by}); err != nil {
		return err
	}
	err := exists(ctx, s, name) // an expiry may have overtaken us
	if errors.Is(err, ErrNotExist) {
		return errors.Join(err, Unprotect(ctx, s, name))
	}
	return err
}

// Unprotect removes the keep marker; none is no error.
func Unprotect(ctx context.Context, s Store, name Name) error {
	if err := s.Delete(ctx, name.keep()); err != nil {
		return storeError(s, err)
	}
	return nil
}

// Protections reads the keep markers of all snapshots whose name begins with
// prefix. One that cannot be read is told in the error, and is in the list with
// its name.
func Protections(ctx context.Context, s Store, prefix string) ([]Marker, error) {
	return markers(ctx, s, prefix, func(e Entry) string {
		if e.Protected {
			return e.Name.keep()
		}
		return ""
	})
}

func exists(ctx context.Context, s Store, name Name) error {
	names, err := List(ctx, s, string(name))
	if err != nil {
		return err
	}
	if !slices.Contains(names, name) {
		return fmt.Errorf("%q in %s: %w", name, s.URL(), ErrNotExist)
	}
	return nil
}
