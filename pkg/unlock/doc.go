// Package unlock opens what locks a swarm manager: the unlock key
// (SWMKEY-1-…), the node key file (certificates/swarm-node.key) and the raft
// DEKs that its PEM headers carry.
//
// Most callers need two calls: [ParseKey] for the text an operator keeps, and
// [OpenNodeKey] for the file. [NodeKey.DEKs] then decrypts the records of the
// raft log, [NodeKey.Strip] writes the file as an engine without autolock
// would, and [NodeKey.Lock] locks it again.
//
// # Formats
//
// An unlock key is "SWMKEY-1-" and 32 random bytes in base64 (RFC 4648, no
// padding). These bytes are the KEK; no key derivation lies between.
//
// A node key file is one PEM block. Its body is a private key, as SEC 1
// ("EC PRIVATE KEY", which swarmkit calls PKCS#1; locked by RFC 1423 with
// AES-256-CBC) or as PKCS#8 (locked by PBES2: PBKDF2 with HMAC-SHA-1, 2048
// rounds, AES-256-CBC). Its headers are
//
//	kek-version              decimal; Cluster.Meta.Version.Index at the last change of the KEK
//	raft-dek                 the DEK of the raft log, managers only
//	raft-dek-pending         the next DEK, while a rotation runs
//	raft-dek-needs-rotation  present when the engine owes a new DEK
//
// A DEK header is the base64 (RFC 4648, padded) of a MaybeEncryptedRecord:
// algorithm (1: varint), data (2: bytes), nonce (3: bytes). Algorithm 0 holds
// the DEK in clear, 1 is NaCl secretbox, 2 is Fernet, which engines in FIPS
// mode use. The raft log is made of the same records.
//
// Sources: swarmkit v2.1.2, ca/keyreadwriter.go, ca/pkcs8, manager/deks.go and
// manager/encryption. Docker has the headers from 1.13 on, PKCS#8 from 18.03,
// Fernet from 18.06; it writes the same up to 29.7.
//
// # Secrets
//
// [Key], [DEKSet] and [NodeKey] print as redacted under every verb of fmt, in
// JSON and in slog, also inside of other values. No error of this package holds
// key material. All types are immutable and safe for concurrent use.
package unlock
