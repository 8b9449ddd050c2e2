package durable

// What runs on file systems without O_TMPFILE.
var (
	CreateNamed = createNamed
	Unlinked    = unlinked
)
