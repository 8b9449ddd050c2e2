package snapshot

// What the tests of sealing, Fetch and Backup need.
const HotTries = hotTries

var (
	Seal     = seal
	Unseal   = unseal
	Download = download
)
