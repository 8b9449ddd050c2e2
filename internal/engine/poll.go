package engine

import (
	"context"
	"errors"
	"time"
)

const pollEvery = 200 * time.Millisecond

// poll tries until it is done, fails, or ctx ends.
func poll(ctx context.Context, try func(context.Context) (done bool, err error)) error {
	for {
		done, err := try(ctx)
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}

func isTooOld(err error) bool { return errors.Is(err, ErrTooOld) }
