package lab

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/swarmdr/swarmdr/internal/durable"
)

// nodeConfig is swarmdr's configuration on a node, the part that a lab knows.
type nodeConfig struct {
	Host          string       `yaml:"host"`
	SwarmDir      string       `yaml:"swarm_dir"`
	StateDir      string       `yaml:"state_dir"`
	UnlockKeyFile string       `yaml:"unlock_key_file,omitempty"`
	Engine        engineConfig `yaml:"engine"`
}

type engineConfig struct {
	Stop  []string `yaml:"stop,flow"`
	Start []string `yaml:"start,flow"`
}

func (n *Node) writeConfig() error {
	c := nodeConfig{
		Host: n.DockerHost(), SwarmDir: n.SwarmDir(), StateDir: n.path("swarmdr"),
		Engine: engineConfig{Stop: n.labCommand("stop"), Start: n.labCommand("start")},
	}
	if n.lab.Autolock() {
		c.UnlockKeyFile = n.lab.UnlockKeyFile()
	}
	data, err := yaml.Marshal(c)
	if err != nil {
		return fmt.Errorf("write configuration of %s: %v", n.Name, err)
	}
	return durable.WriteFile(n.ConfigFile(), data, 0o644)
}

func (n *Node) labCommand(verb string) []string {
	return []string{n.lab.state.Swarmdr, "lab", verb, "--dir", n.lab.dir, n.Name}
}
