package raftlog

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

// Numbers of fields (api/objects.proto, api/specs.proto, api/types.proto of
// swarmkit v2.1.2).
const (
	serviceTask       = 2
	specContainer     = 1
	containerImage    = 1
	modeReplicated    = 3
	modeGlobal        = 4
	modeReplicatedJob = 10
	modeGlobalJob     = 11
	nodeStatus        = 5
	desiredRole       = 2 // of a NodeSpec
	statusMessage     = 2 // of a node
	descriptionEngine = 4
	engineVersion     = 1
	taskStatus        = 9
	taskStatusState   = 2
	statusErr         = 4 // of a task
	networkDriver     = 2 // of a NetworkSpec
	networkSpecIPAM   = 5
	networkIPAM       = 5
	ipamConfigs       = 3
	configSubnet      = 2
	volumeDriver      = 3 // of a VolumeSpec
)

// summary tells what matters of an object as it is, in parentheses.
func summary(o Object) string {
	var parts []string
	switch o.Kind {
	case KindService:
		parts = append(parts, image(o.raw, fieldSpec, serviceTask, specContainer, containerImage), mode(o.raw))
	case KindTask:
		state := api.TaskState(wire.Uint(o.raw, taskStatus, taskStatusState)).String()
		parts = append(parts, image(o.raw, fieldSpec, specContainer, containerImage), strings.ToLower(state))
	case KindNode:
		role := api.NodeRole(wire.Uint(o.raw, fieldSpec, desiredRole))
		parts = append(parts, strings.ToLower(role.String()))
	case KindNetwork:
		parts = append(parts, string(wire.Bytes(o.raw, fieldSpec, networkDriver, 1)))
		parts = append(parts, networkSubnets(o.raw)...)
	case KindVolume:
		parts = append(parts, string(wire.Bytes(o.raw, fieldSpec, volumeDriver, 1)))
	}
	return because([]byte(joined(parts)))
}

// joined leaves out what is empty.
func joined(parts []string) string {
	var all []string
	for _, part := range parts {
		if part != "" {
			all = append(all, part)
		}
	}
	return strings.Join(all, ", ")
}

func image(raw []byte, path ...int) string { return imageName(string(wire.Bytes(raw, path...))) }

func mode(service []byte) string {
	switch {
	case wire.Bytes(service, fieldSpec, modeReplicated) != nil:
		return plural(wire.Uint(service, fieldSpec, modeReplicated, 1), "replica")
	case wire.Bytes(service, fieldSpec, modeGlobal) != nil:
		return "global"
	case wire.Bytes(service, fieldSpec, modeReplicatedJob) != nil:
		return "job"
	case wire.Bytes(service, fieldSpec, modeGlobalJob) != nil:
		return "global job"
	}
	return ""
}

func plural(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// networkSubnets are those that were allocated, else those that were asked for.
func networkSubnets(network []byte) []string {
	if list := subnets(network, networkIPAM); len(list) > 0 {
		return list
	}
	return subnets(network, fieldSpec, networkSpecIPAM)
}

func subnets(network []byte, ipam ...int) []string {
	var all []string
	for rest := wire.Bytes(network, ipam...); len(rest) > 0; {
		f, next, err := wire.Next(rest)
		if err != nil {
			return all
		}
		rest = next
		if subnet := wire.Bytes(f.Data, configSubnet); f.Number == ipamConfigs && len(subnet) > 0 {
			all = append(all, string(subnet))
		}
	}
	return all
}

// field is a field of a JSON object, as text.
func field(object, name string) string {
	var tree map[string]any
	if json.Unmarshal([]byte(object), &tree) != nil {
		return ""
	}
	s, _ := tree[name].(string)
	return s
}
