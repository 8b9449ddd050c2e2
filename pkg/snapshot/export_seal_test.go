package snapshot

import "slices"

// SealedTo is the check of what was read back, of data that comes in steps of
// so many bytes.
func SealedTo(data []byte, step int, to *Recipients) error {
	got := newDigest()
	for part := range slices.Chunk(data, step) {
		if _, err := got.Write(part); err != nil {
			return err
		}
	}
	return sealedTo(got, to)
}
