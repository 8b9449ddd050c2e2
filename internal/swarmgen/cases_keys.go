package swarmgen

func keyCases() []Case {
	const keyWriter = "swarmkit ca/keyreadwriter.go; "
	return []Case{
		{"pkcs8", "node key in PKCS#8, in clear", keyWriter + "engines from 18.03", filled(Options{}, nothing)},
		{"pkcs8-locked", "node key in PKCS#8, encrypted with PBES2", keyWriter + "ca/pkcs8", filled(Options{Autolock: true}, nothing)},
		{"pkcs1", "node key in PKCS#1 (SEC 1), in clear", keyWriter + "engines before 18.03", filled(Options{PKCS1: true}, nothing)},
		{"pkcs1-locked", "node key in PKCS#1, encrypted as RFC 1423 has it", keyWriter + "engines before 18.03", filled(Options{PKCS1: true, Autolock: true}, nothing)},
		{"kek-rotated", "another unlock key than at first, with a kek-version; the DEK is the same", "swarmkit manager/deks.go, MaybeUpdateKEK",
			filled(Options{Autolock: true}, func(s *Swarm) { s.RotateKEK() })},
		{"fips", "a cluster that mandates FIPS: Fernet alone, PKCS#8, an ID that begins with FIPS.", "swarmkit node/node.go, generateFIPSClusterID; Enterprise Edition from 18.09",
			filled(Options{FIPS: true}, nothing)},
		{"fips-locked", "the same, autolocked: the headers of the node key are Fernet tokens too", "swarmkit manager/deks.go, encodePEMHeaderValue",
			filled(Options{FIPS: true, Autolock: true}, nothing)},
		{"fernet-then-secretbox", "Fernet records, then secretbox ones with the same DEK in the same segment: FIPS mode was turned off", "swarmkit manager/encryption/encryption.go, Defaults",
			filled(Options{FIPSNode: true, Autolock: true}, (*Swarm).afterFIPS)},
		{"external-ca", "the cluster has no CA key, and a signing endpoint", "swarmkit manager/manager.go, defaultClusterObject",
			filled(Options{ExternalCA: true}, nothing)},
	}
}

func (s *Swarm) afterFIPS() {
	s.Restart()
	s.Secrets("after-fips", 3)
}
