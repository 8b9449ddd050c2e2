// Package swarmgen writes swarm directories for tests, with swarmkit's own
// code: its logger writes the raft log, its store proposes the entries, its CA
// the certificates, its key writer the node key. A directory holds what an
// engine would have left, but for worker/, which an engine makes again.
//
// [Cases] is the table of what engines leave that cannot be recorded from the
// engines at hand. Each case tells what a reader has to find. [TaskUpdates] and
// [DockerSwarm2000] write logs of some hundred megabytes for benchmarks.
//
// The package is for tests alone. All secrets in it say that they are
// canaries. A Swarm is for one goroutine; several of them may be written at a
// time.
package swarmgen
