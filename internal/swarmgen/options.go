package swarmgen

// Layout is where and how the raft log is kept.
type Layout int

// The layouts (swarmkit manager/state/raft/storage/storage.go,
// versionedWALSnapDirs).
const (
	Encrypted   Layout = iota // wal-v3-encrypted, snap-v3-encrypted: 1.13 and later
	Development               // wal-v3, snap-v3 in plain text: builds between 1.12 and 1.13
	Docker112                 // wal, snap in plain text
)

func (l Layout) dirs() (wal, snap string) {
	switch l {
	case Development:
		return "wal-v3", "snap-v3"
	case Docker112:
		return "wal", "snap"
	}
	return "wal-v3-encrypted", "snap-v3-encrypted"
}

// Options describe the manager whose directory is written. The zero value is
// the first manager of a swarm without autolock, on a current engine.
type Options struct {
	Addr     string // of the raft member; default 10.0.0.1:2377
	Layout   Layout
	Autolock bool // locked from the first write on
	PKCS1    bool // node key as engines before 18.03 wrote it
	// FIPS is a cluster that mandates it: Fernet throughout, and an ID that
	// begins with "FIPS.".
	FIPS bool
	// FIPSNode is a manager in FIPS mode of a cluster that does not mandate it.
	FIPSNode   bool
	ExternalCA bool
	// OldMarkers are markers of raft snapshots without conf_state, as engines
	// before 23.0 wrote them.
	OldMarkers bool
	// SegmentBytes is the size of a segment; default 1 MiB. An engine takes
	// 64 MB, which would be zeros here.
	SegmentBytes int64
}

const (
	defaultAddr    = "10.0.0.1:2377"
	defaultSegment = 1 << 20
)

// fernet tells whether this manager encrypts with Fernet alone.
func (o Options) fernet() bool { return o.FIPS || o.FIPSNode }

// writtenBy is the generation that segments are made to look like; today's is
// what the writer writes.
func (o Options) writtenBy() (g generation, today bool) {
	switch {
	case o.Layout == Docker112:
		return generation{}, false
	case o.Layout == Development, o.OldMarkers:
		return generation{padded: true}, false
	}
	return generation{}, true
}

func (o Options) withDefaults() Options {
	if o.Addr == "" {
		o.Addr = defaultAddr
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = defaultSegment
	}
	return o
}
