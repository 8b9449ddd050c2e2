package raftlog

import (
	"encoding/json"
	"strings"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

// nodePhrase says the role as the certificate has it, and the one that is
// wanted before that follows.
func (w *words) nodePhrase(path string, c *wire.Change) (phrase string, known bool) {
	switch path {
	case "role":
		return wordArrow(c, "worker"), true
	case "spec.desiredRole":
		return "wanted role " + wordArrow(c, "worker"), true
	case "spec.availability":
		return "availability " + wordArrow(c, "active"), true
	case "spec.membership":
		return "membership " + wordArrow(c, "pending"), true
	case "status.state":
		return wordArrow(c, "unknown") + because(wire.Bytes(w.after, nodeStatus, statusMessage)), true
	case "status.addr":
		return "address " + arrow(c, "none"), true
	case "description.hostname":
		return "host name " + arrow(c, "none"), true
	case "description.engine.engineVersion":
		return "engine " + arrow(c, "none"), true
	case "description":
		return w.described(c), true
	case "certificate.status.state":
		return "certificate " + wordArrow(c, "unknown"), true
	case "certificate.role":
		return "certificate for " + wordArrow(c, "worker"), true
	case "certificate.certificate":
		return "certificate written", true
	case "certificate.csr":
		return "certificate requested", true
	}
	if key, ok := strings.CutPrefix(path, "description.engine.labels."); ok {
		return setPhrase("engine label "+key, c), true
	}
	if len(c.Path) == 2 && c.Path[0] == "attachments" {
		return attachedPhrase(c), true
	}
	if below(path, "attachments") || below(path, "attachment") {
		return "network addresses changed", true
	}
	return "", c.Path[0] == "status"
}

// attachedPhrase names the network that the load balancer of a node is part of.
func attachedPhrase(c *wire.Change) string {
	value, phrase := c.After, "attached to network "
	if c.After == "" {
		value, phrase = c.Before, "detached from network "
	}
	var a struct {
		Network struct {
			Spec struct{ Annotations struct{ Name string } }
		}
	}
	if json.Unmarshal([]byte(value), &a) != nil {
		return "network addresses changed"
	}
	return phrase + a.Network.Spec.Annotations.Name
}

// described is said when a node reports for the first time.
func (w *words) described(c *wire.Change) string {
	if c.After == "" {
		return "description removed"
	}
	phrase := "host " + string(wire.Bytes(w.after, nodeDescription, descriptionHost))
	if version := wire.Bytes(w.after, nodeDescription, descriptionEngine, engineVersion); len(version) > 0 {
		phrase += ", engine " + string(version)
	}
	return phrase
}

func because(reason []byte) string {
	if len(reason) == 0 {
		return ""
	}
	return " (" + string(reason) + ")"
}
