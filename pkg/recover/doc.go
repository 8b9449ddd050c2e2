// Package recover rebuilds the managers of a swarm that lost its quorum.
// Import it as recovery: its name is that of a builtin.
//
// It works as evidence, plan, token, journal. [Gather] looks and changes
// nothing; [NewPlan] decides from that alone, or refuses; [Run] carries out a
// plan whose token a person confirmed, notes each finished step on disk, and
// goes on after the last one when it is called again.
//
// Two methods bring the survivor up as the only voter of its swarm. Both work
// on a copy, both keep every acknowledged write, and both leave unlock key,
// autolock, node id and all objects as they were:
//
//   - [ForceNewCluster] is the engine's own. It refuses a locked manager
//     (moby#36852), so the key file of the copy is written without the unlock
//     key first; the engine locks it again with the same key. It keeps the
//     address of the manager whatever it is told (docker/for-linux#523).
//   - [Rebuild] writes a fresh raft log with the survivor as its only member.
//     It takes a new address and needs nothing of the engine but unlock.
package recover
