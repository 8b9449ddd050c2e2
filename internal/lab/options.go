package lab

import (
	"fmt"
	"net/netip"
	"os"
)

// Limits of a lab. Swarm itself advises against more than seven managers.
const (
	MaxManagers = 9
	MaxWorkers  = 90
)

// DefaultSubnet is the network of a lab unless told otherwise.
const DefaultSubnet = "10.99.0.0/24"

// Options describe a lab to make. The zero value is a single manager in
// DefaultDir.
type Options struct {
	Dir      string // default DefaultDir
	Subnet   string // IPv4, /24 or wider; default DefaultSubnet
	Managers int    // 1 to MaxManagers; default 1
	Workers  int    // 0 to MaxWorkers
	Autolock bool
	// Dockerd is the engine; default: dockerd on PATH, then /usr/sbin/dockerd.
	// The containerd beside it, or in the bin of the same tree, belongs to it.
	Dockerd string
	// Swarmdr is the executable that the nodes' configuration calls to stop and
	// start the engine, and that the task image holds; it has to be static.
	// Default: this process's own.
	Swarmdr string
	// KeepOnError leaves a half-made lab for inspection.
	KeepOnError bool
	// Report becomes the lab's Report.
	Report func(line string)
}

// Validate tells what is wrong with the options as such, before anything on
// this machine is looked at.
func (o Options) Validate() error {
	o = o.withDefaults()
	if o.Managers < 1 || o.Managers > MaxManagers {
		return fmt.Errorf("%d managers: want 1 to %d", o.Managers, MaxManagers)
	}
	if o.Workers < 0 || o.Workers > MaxWorkers {
		return fmt.Errorf("%d workers: want 0 to %d", o.Workers, MaxWorkers)
	}
	_, err := parseSubnet(o.Subnet)
	return err
}

func (o Options) withDefaults() Options {
	if o.Dir == "" {
		o.Dir = DefaultDir
	}
	if o.Subnet == "" {
		o.Subnet = DefaultSubnet
	}
	if o.Managers == 0 {
		o.Managers = 1
	}
	return o
}

func parseSubnet(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("parse subnet: %v", err)
	}
	if !p.Addr().Is4() || p.Bits() > 24 || p.Bits() < 8 {
		return p, fmt.Errorf("subnet %s: want IPv4, /8 to /24", s)
	}
	return p.Masked(), nil
}

// plan names the nodes and gives each its address: managers from .11 on,
// workers from .101 on.
func (o Options) plan(dockerd, version string) ([]nodeState, error) {
	subnet, err := parseSubnet(o.Subnet)
	if err != nil {
		return nil, err
	}
	var nodes []nodeState
	add := func(prefix string, role Role, count int, base byte) {
		for i := range count {
			nodes = append(nodes, nodeState{
				Name: fmt.Sprintf("%s%d", prefix, i+1), Role: role,
				Address: hostAddr(subnet, base+byte(i)),
				Dockerd: dockerd, EngineVersion: version,
			})
		}
	}
	add("m", Manager, o.Managers, 11)
	add("w", Worker, o.Workers, 101)
	return nodes, nil
}

func hostAddr(subnet netip.Prefix, last byte) netip.Addr {
	a := subnet.Addr().As4()
	a[3] = last
	return netip.AddrFrom4(a)
}

func requireRoot() error {
	if os.Geteuid() != 0 {
		return ErrNotRoot
	}
	return nil
}
