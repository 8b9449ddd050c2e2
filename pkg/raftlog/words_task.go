package raftlog

import (
	"strings"

	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

const (
	taskNetworks = 11
	taskEndpoint = 12
)

// In these fields the updates of a task differ: the rest of it never changes,
// and is most of its bytes, or it only churns.
var (
	statusWords    = wire.Fields{{Number: taskStatusState}, {Number: statusErr}}
	taskProgress   = wire.Fields{{Number: taskNode}, {Number: taskStatus, Below: statusWords}, {Number: taskDesiredState}}
	taskAllocation = wire.Fields{
		{Number: taskNode}, {Number: taskStatus, Below: statusWords}, {Number: taskDesiredState}, {Number: taskNetworks}, {Number: taskEndpoint},
	}
)

// progress are the fields to look at first.
func progress(before []byte) wire.Fields {
	if api.TaskState(wire.Uint(before, taskStatus, taskStatusState)) <= api.TaskStatePending {
		return taskAllocation
	}
	return taskProgress
}

// taskPhrase: what a task is made of never changes, its state does.
func (w *words) taskPhrase(path string, c *wire.Change) (phrase string, known bool) {
	switch path {
	case "status.state":
		return wordArrow(c, "new") + because(wire.Bytes(w.after, taskStatus, statusErr)), true
	case "desiredState":
		return "wanted " + wordArrow(c, "new"), true
	case "nodeId":
		if c.Before == "" {
			return "assigned to node " + text(c.After), true
		}
		return "node " + arrow(c, "none"), true
	case "status.err":
		return w.taskError(c), true
	}
	switch c.Path[0] {
	case "status", "specVersion":
		return "", true
	case "networks", "endpoint":
		return "addresses allocated", true
	}
	if key, ok := strings.CutPrefix(path, "serviceAnnotations.labels."); ok {
		return setPhrase("label "+key, c), true
	}
	if rest, ok := strings.CutPrefix(path, "spec."); ok {
		return templatePhrase(rest, c)
	}
	return "", false
}

// taskError is said with the state where that changed.
func (w *words) taskError(c *wire.Change) string {
	reason := because(wire.Bytes(w.after, taskStatus, statusErr))
	for _, said := range w.known {
		if reason != "" && strings.HasSuffix(said, reason) {
			return ""
		}
	}
	if c.After == "" {
		return ""
	}
	return "error" + reason
}
