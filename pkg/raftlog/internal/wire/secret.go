package wire

import "strings"

// Redacted stands where a secret was.
const Redacted = "(redacted)"

// secretPaths lists the fields that hold secrets, each by the end of its path
// in the JSON form of a message; * is any one name, or any key of a map. Keys
// of maps match nothing else: labels of users are shown whatever their names.
func secretPaths() []string {
	return []string{
		"caKey", "signingCaKey", "joinTokens/*", // RootCA, RootRotation, CAConfig
		"unlockKeys/key", "networkBootstrapKeys/key", // Cluster, dispatcher
		"unlockKey", "token", // CA API: GetUnlockKeyResponse, IssueNodeCertificateRequest
		"data",         // SecretSpec, ConfigSpec, the secrets of AcceptancePolicy
		"registryAuth", // ContainerSpec.PullOptions
		"env",          // ContainerSpec
		"logDriver/options/*", "driver/options/*", "templating/options/*",
		"volumeOptions/driverConfig/options/*", "externalCas/options/*",
		"volumeContext/*", "publishContext/*", "mountFlags", // CSI
		"@value", // payloads of plugins, of unknown form
	}
}

func isSecret(path ...string) bool {
	for _, secret := range secretPaths() {
		if endsIn(path, strings.Split(secret, "/")) {
			return true
		}
	}
	return false
}

func endsIn(path, names []string) bool {
	if len(names) > len(path) {
		return false
	}
	end := path[len(path)-len(names):]
	for i := range names {
		if names[i] != "*" && names[i] != end[i] {
			return false
		}
	}
	return true
}
