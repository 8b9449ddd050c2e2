package snapshot

// What the tests of sealing and of Backup need.
const HotTries = hotTries

var (
	Seal   = seal
	Unseal = unseal
)
