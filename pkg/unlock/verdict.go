package unlock

// Verdict says what a key is to a swarm directory.
type Verdict string

// The verdicts of Judge.
const (
	// VerdictCurrent: the key opens the directory and is the swarm's own.
	VerdictCurrent Verdict = "current"
	// VerdictOlder: the key opens the directory, but the swarm has another one
	// since, or none. The manager was down when it changed, or the directory is
	// a copy from before.
	VerdictOlder Verdict = "older"
	// VerdictOpens: the key opens the directory; which key the swarm has is not
	// known.
	VerdictOpens Verdict = "opens"
	// VerdictNotLocked: the directory needs no key.
	VerdictNotLocked Verdict = "not locked"
	// VerdictMissing: the directory is locked and there is no key.
	VerdictMissing Verdict = "missing"
	// VerdictWrong: the directory is locked and the key does not open it. It may
	// be the swarm's current one all the same.
	VerdictWrong Verdict = "wrong"
)

// Known is what somebody knows of the swarm's unlock key.
type Known struct {
	// Fingerprint is empty when autolock is off.
	Fingerprint string
	// Version is Cluster.Meta.Version.Index as of that knowledge: the higher one
	// is the newer, within one cluster.
	Version uint64
}

// Newest is the newest of what is known, nil when nothing is. Of two with the
// same version the first counts.
func Newest(known ...*Known) *Known {
	var newest *Known
	for _, k := range known {
		if k != nil && (newest == nil || k.Version > newest.Version) {
			newest = k
		}
	}
	return newest
}

// Judge tells what key is to a directory that is locked or not and that it
// opens or not. newest may be nil.
func Judge(locked, opens bool, key Key, newest *Known) Verdict {
	switch {
	case !locked:
		return VerdictNotLocked
	case key.IsZero():
		return VerdictMissing
	case !opens:
		return VerdictWrong
	case newest == nil:
		return VerdictOpens
	case newest.Fingerprint == key.Fingerprint():
		return VerdictCurrent
	}
	return VerdictOlder
}
