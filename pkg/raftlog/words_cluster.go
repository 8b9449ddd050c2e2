package raftlog

import (
	"strings"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

func clusterPhrase(path string, c *wire.Change) (phrase string, known bool) {
	if name, ok := clusterSettings(path); ok {
		return name + " " + arrow(c, "0"), true
	}
	switch path {
	case "spec.encryptionConfig.autoLockManagers":
		if c.After == "" {
			return "autolock off", true
		}
		return "autolock on", true
	case "rootCa.joinTokens.worker":
		return "worker join token rotated", true
	case "rootCa.joinTokens.manager":
		return "manager join token rotated", true
	case "rootCa.rootRotation":
		return rotationPhrase(c), true
	case "rootCa.caCert":
		return "CA certificate replaced", true
	case "rootCa.caKey":
		return keyPhrase("CA key", c), true
	case "rootCa.lastForcedRotation", "spec.caConfig.forceRotate":
		return "CA rotation forced", true
	case "rootCa.caCertHash", "encryptionKeyLamportClock":
		return "", true
	}
	switch {
	case below(path, "unlockKeys"):
		return keyPhrase("unlock key", c), true
	case below(path, "networkBootstrapKeys"):
		return "gossip keys rotated", true
	case below(path, "rootCa.rootRotation"):
		return "CA rotation changed", true
	case below(path, "spec.caConfig.externalCas"):
		return "external CAs changed", true
	case below(path, "spec.caConfig.signingCaKey") || below(path, "spec.caConfig.signingCaCert"):
		return "signing CA changed", true
	case strings.HasPrefix(path, "blacklistedCertificates.") && len(c.Path) == 2:
		return revokedPhrase(c), true
	}
	return "", false
}

// clusterSettings are named as `docker info` and `docker swarm update` name
// them.
func clusterSettings(path string) (name string, known bool) {
	switch path {
	case "spec.orchestration.taskHistoryRetentionLimit":
		return "task history limit", true
	case "spec.raft.snapshotInterval":
		return "raft snapshot interval", true
	case "spec.raft.keepOldSnapshots":
		return "old raft snapshots kept", true
	case "spec.raft.logEntriesForSlowFollowers":
		return "log entries for slow followers", true
	case "spec.raft.electionTick":
		return "election tick", true
	case "spec.raft.heartbeatTick":
		return "heartbeat tick", true
	case "spec.dispatcher.heartbeatPeriod":
		return "dispatcher heartbeat", true
	case "spec.caConfig.nodeCertExpiry":
		return "certificate expiry", true
	}
	return "", false
}

// keyPhrase shows no value.
func keyPhrase(what string, c *wire.Change) string {
	switch {
	case c.Before == "":
		return what + " made"
	case c.After == "":
		return what + " dropped"
	}
	return what + " rotated"
}

func rotationPhrase(c *wire.Change) string {
	if c.After == "" {
		return "CA rotation ended"
	}
	return "CA rotation started"
}

// revokedPhrase: certificates of removed nodes are refused until they expire.
func revokedPhrase(c *wire.Change) string {
	if c.After == "" {
		return "expired certificate of " + c.Path[1] + " forgotten"
	}
	return "certificate of " + c.Path[1] + " revoked"
}

func (w *words) networkPhrase(c *wire.Change) (phrase string, known bool) {
	if c.Path[0] != "driverState" && c.Path[0] != "ipam" {
		return "", false
	}
	list := subnets(w.after, networkIPAM)
	if len(list) == 0 {
		return "allocated", true
	}
	return "allocated " + strings.Join(list, " "), true
}

func volumePhrase(path string, c *wire.Change) (phrase string, known bool) {
	switch {
	case path == "spec.availability":
		return "availability " + wordArrow(c, "active"), true
	case path == "volumeInfo" && c.Before == "":
		return "made by its driver", true
	case len(c.Path) == 3 && c.Path[0] == "publishStatus" && c.Path[2] == "state":
		return "publication " + wordArrow(c, "pending_publish"), true
	case len(c.Path) == 2 && c.Path[0] == "publishStatus":
		return oneSided("publication on node", c, member("nodeId"))
	case below(path, "publishStatus") && len(c.Path) > 2 && c.Path[2] != "nodeId":
		return "", true
	}
	return "", false
}
