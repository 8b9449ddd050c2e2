package lab

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/moby/moby/client"
)

// Role is what a node was made as; promotion and demotion do not change it.
type Role string

// The roles.
const (
	Manager Role = "manager"
	Worker  Role = "worker"
)

// Node is one host of a lab.
type Node struct {
	nodeState
	lab *Lab
}

// Dir holds all that belongs to the node.
func (n *Node) Dir() string { return filepath.Join(n.lab.dir, n.Name) }

// DockerHost is the node's API as a docker host URL.
func (n *Node) DockerHost() string { return "unix://" + n.path("docker.sock") }

// DataRoot is the engine's data root.
func (n *Node) DataRoot() string { return n.path("data") }

// SwarmDir is the swarm directory below the data root.
func (n *Node) SwarmDir() string { return filepath.Join(n.DataRoot(), "swarm") }

// ConfigFile is swarmdr's configuration on this node.
func (n *Node) ConfigFile() string { return n.path("swarmdr.yaml") }

// NetNS is a file that stands for the node's network namespace, for setns and
// nsenter.
func (n *Node) NetNS() string { return n.path("net") }

// LogFile is where dockerd writes.
func (n *Node) LogFile() string { return n.path("dockerd.log") }

// Client talks to the node's engine. It connects on first use; close it.
func (n *Node) Client() (*client.Client, error) {
	c, err := client.New(client.WithHost(n.DockerHost()))
	if err != nil {
		return nil, fmt.Errorf("open client of %s: %v", n.Name, err)
	}
	return c, nil
}

// with runs f with a client of the node's engine.
func (n *Node) with(f func(*client.Client) error) error {
	c, err := n.Client()
	if err != nil {
		return err
	}
	return errors.Join(f(c), c.Close())
}

func (n *Node) path(name string) string { return filepath.Join(n.Dir(), name) }

func (n *Node) utsPath() string { return n.path("uts") }

// PID is that of the running dockerd, 0 when none runs.
func (n *Node) PID() int {
	for _, p := range n.daemons() {
		if p.comm == dockerdComm {
			return p.pid
		}
	}
	return 0
}
