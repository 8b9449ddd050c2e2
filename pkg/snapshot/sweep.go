package snapshot

import "context"

// Sweep removes from spool the archives without a manifest: what a backup left
// that was killed before its copy was complete. Nobody may put into spool
// meanwhile.
func Sweep(ctx context.Context, spool Store) error {
	entries, err := Entries(ctx, spool, "")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Manifest || !e.Archive {
			continue
		}
		if err := spool.Delete(ctx, e.Name.Archive()); err != nil {
			return storeError(spool, err)
		}
	}
	return nil
}
