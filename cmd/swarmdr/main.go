// Swarmdr keeps the control plane of a Docker Swarm recoverable.
package main

import (
	"os"

	"github.com/swarmdr/swarmdr/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.StandardStreams()))
}
