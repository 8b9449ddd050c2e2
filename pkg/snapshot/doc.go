// Package snapshot takes, seals, stores and proves backups of one manager's
// swarm directory.
//
// A snapshot is two objects in a [Store]:
//
//	CLUSTER/NODE/20261120T190405.123Z.tar.zst.age   the archive, sealed
//	CLUSTER/NODE/20261120T190405.123Z.json          the manifest, signed, written last
//
// The archive is age over zstd over tar and holds the directory as swarm/…, so
// that a person without swarmdr restores it with
// `age -d -i KEY | zstd -d | tar -x`. The manifest holds no secrets; without it
// there is no snapshot. docs/format.md is the normative description.
//
// [Backup] is the only way to make one: stage, engine up again, prove, seal,
// put, read back, manifest. [Fetch] and [Prove] are the way back.
package snapshot
