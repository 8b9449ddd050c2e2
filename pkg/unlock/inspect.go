package unlock

// Info is what a node key file tells without any key.
type Info struct {
	Locked        bool   // the body or a DEK is encrypted
	KEKVersion    uint64 // 0 without a kek-version header
	Format        string // FormatPKCS1 or FormatPKCS8
	HasDEK        bool   // false in a worker's file
	HasPendingDEK bool   // a DEK rotation runs
	NeedsRotation bool   // a DEK rotation is owed
}

// InspectNodeKey reads the content of certificates/swarm-node.key without
// opening it. Its error is a *FormatError.
func InspectNodeKey(file []byte) (Info, error) {
	f, err := parseKeyFile(file)
	if err != nil {
		return Info{}, err
	}
	return Info{
		Locked:        f.locked(),
		KEKVersion:    f.kekVersion,
		Format:        f.format,
		HasDEK:        f.current != nil,
		HasPendingDEK: f.pending != nil,
		NeedsRotation: f.needsRotation,
	}, nil
}
