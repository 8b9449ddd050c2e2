package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"

	"github.com/swarmdr/swarmdr/internal/config"
	"github.com/swarmdr/swarmdr/internal/store/file"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// errDelivery is in the tree of an error that left a snapshot taken, but not in
// every store.
var errDelivery = errors.New("the snapshot is not in every store")

// destination is where a backup goes: into the first of the places, and from
// there into the others.
type destination struct {
	spool  snapshot.Store // nil: none
	max    int64          // of the spool, in bytes
	stores []snapshot.Store
}

func (o *storeOptions) destination(cfg config.Config) (*destination, error) {
	stores, err := o.openAll(cfg)
	if err != nil {
		return nil, err
	}
	d := &destination{stores: stores, max: int64(cfg.Spool.Max)}
	if d.max > 0 && !allLocal(stores) {
		d.spool = openSpool(cfg)
	}
	return d, nil
}

func allLocal(stores []snapshot.Store) bool {
	return !slices.ContainsFunc(stores, func(s snapshot.Store) bool { return !isLocal(s) })
}

func openSpool(cfg config.Config) snapshot.Store {
	return file.New(cmp.Or(cfg.Spool.Dir, filepath.Join(cfg.StateDir, "spool")))
}

// first is the spool, or the first store that can be written now: one that
// cannot must not keep the snapshot from the others. It comes to the front.
func (d *destination) first(ctx context.Context) snapshot.Store {
	if d.spool != nil {
		return d.spool
	}
	for i, s := range d.stores {
		if err := s.Ready(ctx); err != nil {
			slog.Warn("store cannot be written", "store", s.URL(), "error", err)
			continue
		}
		d.stores = slices.Concat(d.stores[i:i+1], d.stores[:i], d.stores[i+1:])
		break
	}
	return d.stores[0]
}

// delivered tells where a snapshot is.
type delivered struct {
	Stores []deliveredTo `json:"stores"`
	// Spooled says that it is kept on this machine until every store took it.
	Spooled bool `json:"spooled"`
	// Dropped are older ones that went from the full spool before that.
	Dropped []snapshot.Name `json:"dropped,omitempty"`
}

type deliveredTo struct {
	URL   string `json:"url"`
	Error string `json:"error,omitempty"`
}

// deliver brings the new snapshot, and what the spool still holds, to all
// stores. Whatever is amiss is ErrStore and errDelivery.
func (d *destination) deliver(ctx context.Context, name snapshot.Name, trusted []string) (delivered, error) {
	if d.spool == nil {
		return d.copy(ctx, name, trusted)
	}
	slog.Info("deliver what the spool holds")
	deliveries, failed := snapshot.Drain(ctx, d.spool, d.stores, trusted)
	result := delivered{Stores: []deliveredTo{}}
	for _, one := range deliveries {
		result.Stores = append(result.Stores, deliveredTo{one.URL, text(one.Err)})
	}
	result.Spooled = failed != nil
	dropped, err := snapshot.Trim(ctx, d.spool, d.max)
	result.Dropped = dropped
	if failed != nil {
		failed = fmt.Errorf("%w: %w", errDelivery, failed)
	}
	if len(dropped) > 0 {
		err = errors.Join(err, fmt.Errorf("%w: the spool is full: %d older snapshots went from it before every store had them", errDelivery, len(dropped)))
	}
	return result, errors.Join(failed, err)
}

func (d *destination) copy(ctx context.Context, name snapshot.Name, trusted []string) (delivered, error) {
	result, failed := delivered{Stores: []deliveredTo{{URL: d.stores[0].URL()}}}, error(nil)
	for _, to := range d.stores[1:] {
		slog.Info("copy to " + to.URL())
		err := snapshot.Copy(ctx, d.stores[0], to, name, trusted)
		result.Stores = append(result.Stores, deliveredTo{to.URL(), text(err)})
		failed = errors.Join(failed, err)
	}
	if failed != nil {
		failed = fmt.Errorf("%w: %w", errDelivery, failed)
	}
	return result, failed
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
