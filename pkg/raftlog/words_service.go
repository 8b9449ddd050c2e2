package raftlog

import (
	"fmt"
	"strings"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

func servicePhrase(path string, c *wire.Change) (phrase string, known bool) {
	switch path {
	case "spec.replicated.replicas":
		return "replicas " + arrow(c, "0"), true
	case "updateStatus":
		return updatePhrase(field(c.After, "state")), true
	case "updateStatus.state":
		return updatePhrase(text(c.After)), true
	case "spec.endpoint.mode":
		return "endpoint mode " + wordArrow(c, "vip"), true
	case "spec.replicatedJob.totalCompletions":
		return "completions " + arrow(c, "0"), true
	case "spec.replicatedJob.maxConcurrent":
		return "concurrent " + arrow(c, "0"), true
	}
	switch c.Path[0] {
	case "specVersion", "previousSpec", "previousSpecVersion", "updateStatus":
		return "", true
	case "endpoint":
		return "addresses allocated", true
	case "jobStatus":
		return "job run again", true
	}
	if rest, ok := strings.CutPrefix(path, "spec.endpoint.ports."); ok {
		return portPhrase(rest, c)
	}
	if rest, ok := strings.CutPrefix(path, "spec.task."); ok {
		return templatePhrase(rest, c)
	}
	return "", false
}

// updatePhrase puts UpdateStatus.UpdateState (api/types.proto) in words. The
// engine drops the status when a new update begins.
func updatePhrase(state string) string {
	switch state {
	case "UPDATING":
		return "update started"
	case "PAUSED":
		return "update paused"
	case "COMPLETED":
		return "update completed"
	case "ROLLBACK_STARTED":
		return "rollback started"
	case "ROLLBACK_PAUSED":
		return "rollback paused"
	case "ROLLBACK_COMPLETED":
		return "update rolled back"
	}
	return ""
}

// templatePhrase is for the fields of a TaskSpec.
func templatePhrase(path string, c *wire.Change) (phrase string, known bool) {
	switch path {
	case "container.image":
		return "image " + imageArrow(c), true
	case "forceUpdate":
		return "forced update", true
	case "resources.limits.memoryBytes":
		return "memory limit " + sizeArrow(c), true
	case "resources.reservations.memoryBytes":
		return "memory reservation " + sizeArrow(c), true
	case "resources.limits.nanoCpus":
		return "CPU limit " + cpuArrow(c), true
	case "resources.reservations.nanoCpus":
		return "CPU reservation " + cpuArrow(c), true
	}
	if name, ok := strings.CutPrefix(path, "container.env."); ok {
		return envPhrase(name, c), true
	}
	if key, ok := strings.CutPrefix(path, "container.labels."); ok {
		return setPhrase("container label "+key, c), true
	}
	if rest, ok := strings.CutPrefix(path, "container.secrets."); ok {
		return referencePhrase("secret", rest, c)
	}
	if rest, ok := strings.CutPrefix(path, "container.configs."); ok {
		return referencePhrase("config", rest, c)
	}
	if rest, ok := strings.CutPrefix(path, "container.mounts."); ok && !strings.Contains(rest, ".") {
		return oneSided("mount", c, member("target"))
	}
	if rest, ok := strings.CutPrefix(path, "placement.constraints."); ok && !strings.Contains(rest, ".") {
		return constraintPhrase(c), true
	}
	return "", false
}

// envPhrase shows no value.
func envPhrase(name string, c *wire.Change) string {
	switch {
	case c.Before == "":
		return "env " + name + " added"
	case c.After == "":
		return "env " + name + " removed"
	}
	return "env " + name + " changed"
}

// referencePhrase is for a secret or config of a container, at INDEX or
// INDEX.FIELD.
func referencePhrase(what, path string, c *wire.Change) (phrase string, known bool) {
	_, name, inside := strings.Cut(path, ".")
	switch {
	case !inside:
		return oneSided(what, c, member(what+"Name"))
	case name == what+"Name":
		return what + " " + arrow(c, "none"), true
	}
	return "", name == what+"Id"
}

func constraintPhrase(c *wire.Change) string {
	switch {
	case c.Before == "":
		return "constraint " + text(c.After) + " added"
	case c.After == "":
		return "constraint " + text(c.Before) + " removed"
	}
	return "constraint " + arrow(c, "")
}

// portPhrase is for a published port, at INDEX or INDEX.FIELD.
func portPhrase(path string, c *wire.Change) (phrase string, known bool) {
	_, name, inside := strings.Cut(path, ".")
	if !inside {
		return oneSided("port", c, port)
	}
	switch name {
	case "publishedPort":
		return "published port " + arrow(c, "none"), true
	case "targetPort":
		return "target port " + arrow(c, "none"), true
	}
	return "", false
}

// port is written as docker takes it: published, then target.
func port(tree map[string]any) string {
	protocol := "tcp"
	if p, ok := tree["protocol"].(string); ok {
		protocol = strings.ToLower(p)
	}
	published := ""
	if p, ok := tree["publishedPort"]; ok {
		published = fmt.Sprint(p) + ":"
	}
	return fmt.Sprintf("%s%v/%s", published, tree["targetPort"], protocol)
}
