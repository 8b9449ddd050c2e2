package swarmgen

// SmallSwarm2000 is DockerSwarm2000 in small.
func SmallSwarm2000(t TB, dir string, seed uint64) *Swarm2000 {
	return bigSwarm(t, dir, seed, scale{nodes: 60, tasks: 900, services: 400, entries: 50})
}
