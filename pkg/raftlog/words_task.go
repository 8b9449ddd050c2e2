package raftlog

import (
	"strings"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

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
