package snapshot

import (
	"context"
	"errors"
	"slices"
)

// A spool is a local store that keeps snapshots until every other store has
// them. A backup goes to the spool first, so that what a store does not take
// today is sealed and complete, and the upload of it can go on where it stopped.

// Delivery is what Drain did for one store.
type Delivery struct {
	URL    string
	Copied []Name
	// Err is why the store did not take more, nil if it has all. It is in the
	// tree of the error that Drain returns.
	Err error
}

// Drain copies every snapshot in spool, the oldest first, to each of stores,
// and removes from the spool what all of them have. A store that fails is left
// at that; the others go on. A snapshot that is damaged, or in the way of
// another, stays in the spool and is told; those behind it go on.
func Drain(ctx context.Context, spool Store, stores []Store, trusted []string) ([]Delivery, error) {
	names, err := byAge(ctx, spool)
	if err != nil {
		return nil, err
	}
	missed := map[Name]bool{}
	var deliveries []Delivery
	for _, to := range stores {
		d := deliver(ctx, spool, to, names, trusted)
		for _, name := range names {
			missed[name] = missed[name] || !slices.Contains(d.Copied, name)
		}
		deliveries = append(deliveries, d)
		err = errors.Join(err, d.Err)
	}
	for _, name := range names {
		if !missed[name] {
			err = errors.Join(err, forget(ctx, spool, name))
		}
	}
	return deliveries, err
}

func deliver(ctx context.Context, spool, to Store, names []Name, trusted []string) Delivery {
	d := Delivery{URL: to.URL()}
	if len(names) > 0 {
		d.Err = to.Ready(ctx)
	}
	if d.Err != nil {
		d.Err = storeError(to, d.Err)
		return d
	}
	for _, name := range names {
		err := Copy(ctx, spool, to, name, trusted)
		d.Err = errors.Join(d.Err, err)
		if err != nil && !isOfOne(err) {
			return d
		}
		if err == nil {
			d.Copied = append(d.Copied, name)
		}
	}
	return d
}

// isOfOne says that an error of Copy is about that snapshot alone: the others
// must not wait behind it.
func isOfOne(err error) bool {
	return Condemns(err) || tellsOfManifest(err) || errors.Is(err, ErrExist)
}

// Trim removes the oldest snapshots from spool until it holds at most most
// bytes, and returns their names. The newest stays however large it is.
func Trim(ctx context.Context, spool Store, most int64) ([]Name, error) {
	names, err := byAge(ctx, spool)
	if err != nil {
		return nil, err
	}
	sizes, total, err := sizesOf(ctx, spool)
	if err != nil {
		return nil, err
	}
	var dropped []Name
	for len(names) > 1 && total > most {
		name := names[0]
		if err := forget(ctx, spool, name); err != nil {
			return dropped, err
		}
		total -= sizes[name.Archive()] + sizes[name.Manifest()]
		dropped, names = append(dropped, name), names[1:]
	}
	return dropped, nil
}

// byAge lists the snapshots of all managers, the oldest first.
func byAge(ctx context.Context, s Store) ([]Name, error) {
	names, err := List(ctx, s, "")
	slices.SortStableFunc(names, func(a, b Name) int { return a.Time().Compare(b.Time()) })
	return names, err
}

// forget removes the manifest first: what a kill leaves is no snapshot.
func forget(ctx context.Context, s Store, name Name) error {
	for _, object := range []string{name.Manifest(), name.Archive()} {
		if err := s.Delete(ctx, object); err != nil {
			return storeError(s, err)
		}
	}
	return nil
}

func sizesOf(ctx context.Context, s Store) (sizes map[string]int64, total int64, err error) {
	sizes = map[string]int64{}
	for o, err := range s.List(ctx, "") {
		if err != nil {
			return nil, 0, storeError(s, err)
		}
		sizes[o.Name] = o.Size
		total += o.Size
	}
	return sizes, total, nil
}
