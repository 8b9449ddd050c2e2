package engine

import "context"

// Control stops and starts the daemon of this machine. Both methods are
// idempotent and each has a limit of its own.
type Control interface {
	// Stop returns when the daemon is down and stays down. A daemon that does
	// not obey is killed.
	Stop(ctx context.Context) error
	// Start orders the start and returns once it was carried out, which need
	// not mean that the API answers: see Client.WaitAPI.
	Start(ctx context.Context) error
}
