package s3

// CloseIdle ends the goroutines of idle connections.
func (s *Store) CloseIdle() { s.base.CloseIdleConnections() }

// Verified and SizeOfPart are for parts that are smaller than a server takes.
var (
	Verified   = verified
	SizeOfPart = sizeOfPart
)
