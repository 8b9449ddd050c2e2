package engine

import (
	"context"
	"errors"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// unlockLimit is above the longest election seen after an unlock, 23 s.
const unlockLimit = 60 * time.Second

// Unlock hands a locked manager its key, in the form SWMKEY-1-…, and returns
// when it is up; one that is unlocked already is no error, whatever the key.
//
// Without a quorum the engine never answers: after 60 s, or when ctx's
// deadline passes, the error is ErrUnlockHangs. A wrong key is
// ErrUnlockRefused. The key is in no error.
func (c *Client) Unlock(ctx context.Context, key string) error {
	const verb = "unlock manager"
	asked := false
	err := c.call(ctx, verb, unlockLimit, func(ctx context.Context) error {
		asked = true
		_, err := c.api.SwarmUnlock(ctx, client.SwarmUnlockOptions{Key: key})
		return err
	})
	switch {
	case err == nil, errdefs.IsConflict(err):
		return nil
	case asked && errors.Is(err, context.DeadlineExceeded):
		return &requestError{verb, ErrUnlockHangs, ErrUnlockHangs}
	case errdefs.IsUnauthorized(err), errdefs.IsInvalidArgument(err) && !isTooOld(err):
		return &requestError{verb, ErrUnlockRefused, ErrUnlockRefused}
	default:
		return err
	}
}

// UnlockKey asks for the swarm's unlock key, in the form SWMKEY-1-…; empty if
// autolock is off. It needs a leader.
func (c *Client) UnlockKey(ctx context.Context) (string, error) {
	var key client.SwarmGetUnlockKeyResult
	err := c.call(ctx, "read unlock key", callLimit, func(ctx context.Context) (err error) {
		key, err = c.api.SwarmGetUnlockKey(ctx)
		return err
	})
	return key.Key, err
}
