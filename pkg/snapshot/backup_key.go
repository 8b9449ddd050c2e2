package snapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// keyPatience is how long a key that does not open the node key is read anew:
// the swarm tells a new key up to 2 s before each manager locks with it.
const (
	keyPatience = 4 * time.Second
	keyInterval = 100 * time.Millisecond
)

// awaitKey opens the node key in the directory, with the key of the moment if
// the one at hand is of another.
func (o *BackupOptions) awaitKey(ctx context.Context) error {
	_, err := OpenNodeKey(os.DirFS(o.Dir), o.Key)
	if !o.keyChanged(err) {
		return err
	}
	o.Progress("wait for the unlock key that opens " + o.Dir)
	for begin := time.Now(); o.keyChanged(err) && time.Since(begin) < keyPatience; {
		if err := o.readKey(ctx); err != nil {
			return err
		}
		if err := sleep(ctx, keyInterval); err != nil {
			return err
		}
		_, err = OpenNodeKey(os.DirFS(o.Dir), o.Key)
	}
	return err
}

// keyChanged says whether err may be that of a key that was rotated, and
// another can be had.
func (o *BackupOptions) keyChanged(err error) bool {
	return o.ReadKey != nil && errors.Is(err, unlock.ErrWrongKey)
}

func (o *BackupOptions) readKey(ctx context.Context) error {
	key, err := o.ReadKey(ctx)
	if err != nil {
		return fmt.Errorf("read the unlock key again: %w", err)
	}
	o.Key = key
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
