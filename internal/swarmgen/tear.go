package swarmgen

import (
	"os"
)

// sector is what a disk writes whole or not at all.
const sector = 512

// Tear is how the last record was not written whole.
type Tear int

// The tears. A frame begins at a multiple of eight bytes, so that no sector
// ends within its length field, unless the file itself ends there.
const (
	// TearEnd: the last sectors are still the zeros that were allocated.
	TearEnd Tear = iota
	// TearMiddle: one sector in the middle is, and what follows was written.
	TearMiddle
	// TearBody: all but the sector with the length field is.
	TearBody
	// TearFile: the file ends within the record, as where nothing was allocated
	// and the disk was full.
	TearFile
	// TearLength: the file ends within the length field.
	TearLength
)

// Torn kills the manager and leaves its last record, which must be an entry of
// more than three sectors, not written whole.
func (s *Swarm) Torn(how Tear) {
	s.t.Helper()
	s.Kill()
	name, f, entry, err := lastEntry(s.WALDir())
	must(s.t, err)
	data, err := os.ReadFile(name)
	must(s.t, err)
	must(s.t, os.WriteFile(name, tear(data, f, how), 0o600))
	s.expect.Last = entry.Index - 1
	s.expect.TornFile, s.expect.TornAt = name, f.offset
	s.expect.warn(TornTail)
}

func tear(data []byte, f frame, how Tear) []byte {
	first := (f.offset + 8 + sector - 1) / sector * sector // sector that begins in the record
	switch how {
	case TearEnd:
		clear(data[first+sector : f.end])
	case TearMiddle:
		clear(data[first+sector : first+2*sector])
	case TearBody:
		clear(data[first:f.end])
	case TearFile:
		return data[:first+sector+100]
	case TearLength:
		return data[:f.offset+4]
	}
	return data
}
