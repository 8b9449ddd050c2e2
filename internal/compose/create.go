package compose

import (
	"maps"
	"slices"
	"strings"

	"github.com/moby/swarmkit/v2/api"
)

// words are a command line in the making.
type words []string

func (w *words) option(flag, value string) {
	if value != "" {
		*w = append(*w, flag, value)
	}
}

func (w *words) flag(flag string, on bool) {
	if on {
		*w = append(*w, flag)
	}
}

func (w *words) pairs(flag string, values map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		*w = append(*w, flag, name+"="+values[name])
	}
}

// String quotes for a shell.
func (w *words) String() string {
	quoted := make([]string, len(*w))
	for i, word := range *w {
		quoted[i] = word
		if word == "" || strings.ContainsFunc(word, isUnsafe) {
			quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

func isUnsafe(r rune) bool { return !isWord(r) && !strings.ContainsRune("-./:=,@%+", r) }

func isWord(r rune) bool {
	return r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

func deployCommand(stack string) string {
	if stack == "" {
		stack = "STACK"
	}
	return (&words{"docker", "stack", "deploy", "-c", FileName, stack}).String()
}

// createNetwork makes a network that is not the stack's. It knows more than
// Compose does.
func createNetwork(n *api.NetworkSpec) string {
	w := &words{"docker", "network", "create", "--scope", "swarm"}
	driver := n.DriverConfig
	if driver == nil {
		driver = &api.Driver{Name: "overlay"}
	}
	w.option("--driver", driver.Name)
	w.pairs("--opt", driver.Options)
	w.flag("--attachable", n.Attachable)
	w.flag("--internal", n.Internal)
	w.flag("--ipv6", n.Ipv6Enabled)
	w.flag("--ingress", n.Ingress)
	if from, ok := n.ConfigFrom.(*api.NetworkSpec_Network); ok {
		w.option("--config-from", from.Network)
	}
	if n.IPAM != nil {
		w.ipam(n.IPAM)
	}
	w.pairs("--label", n.Annotations.Labels)
	*w = append(*w, n.Annotations.Name)
	return w.String()
}

func (w *words) ipam(o *api.IPAMOptions) {
	for _, c := range o.Configs {
		w.option("--subnet", c.Subnet)
		w.option("--ip-range", c.Range)
		w.option("--gateway", c.Gateway)
		w.pairs("--aux-address", c.Reserved)
	}
	if o.Driver == nil {
		return
	}
	w.option("--ipam-driver", o.Driver.Name)
	for _, name := range slices.Sorted(maps.Keys(o.Driver.Options)) {
		w.option("--ipam-opt", name+"=VALUE") // a secret, and notes are printed
	}
}

// createObject makes a secret or config that is not the stack's, or whose
// content was not exported.
func createObject(o object, file string) string {
	w := &words{"docker", o.kind, "create"}
	w.pairs("--label", o.notes.Labels)
	if o.templating != nil {
		w.option("--template-driver", o.templating.Name)
	}
	if o.driver != nil {
		w.option("--driver", o.driver.Name)
		*w = append(*w, o.notes.Name)
		return w.String()
	}
	*w = append(*w, o.notes.Name, file)
	return w.String()
}
