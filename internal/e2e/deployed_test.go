package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

// deployment is a stack as the engine tells it, without what is made anew each
// time: IDs, versions and times.
type deployment struct {
	Services map[string]swarm.ServiceSpec
	Networks map[string]network.Network
	Secrets  map[string]swarm.SecretSpec
	Configs  map[string]swarm.ConfigSpec
}

func (x *exportTest) deployed(stack string) deployment {
	x.Helper()
	c, ctx := x.client("m1"), x.Context()
	defer c.Close()
	of := client.Filters{}.Add("label", "com.docker.stack.namespace="+stack)
	services, err1 := c.ServiceList(ctx, client.ServiceListOptions{Filters: of})
	networks, err2 := c.NetworkList(ctx, client.NetworkListOptions{Filters: of})
	secrets, err3 := c.SecretList(ctx, client.SecretListOptions{Filters: of})
	configs, err4 := c.ConfigList(ctx, client.ConfigListOptions{Filters: of})
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			x.Fatal(err)
		}
	}
	d := deployment{map[string]swarm.ServiceSpec{}, map[string]network.Network{}, map[string]swarm.SecretSpec{}, map[string]swarm.ConfigSpec{}}
	for _, s := range services.Items {
		x.named(&s.Spec)
		d.Services[s.Spec.Name] = s.Spec
	}
	for _, n := range networks.Items {
		d.Networks[n.Name] = asked(n.Network)
	}
	for _, s := range secrets.Items {
		d.Secrets[s.Spec.Name] = s.Spec
	}
	for _, s := range configs.Items {
		d.Configs[s.Spec.Name] = s.Spec
	}
	return d
}

// asked is a network without what the engine chose.
func asked(n network.Network) network.Network {
	n.ID, n.Created = "", time.Time{}
	delete(n.Options, "com.docker.network.driver.overlay.vxlanid_list")
	if strings.HasSuffix(n.Name, "_default") {
		n.IPAM.Config = nil
	}
	return n
}

// named puts names in the place of IDs.
func (x *exportTest) named(spec *swarm.ServiceSpec) {
	x.Helper()
	for i, a := range spec.TaskTemplate.Networks {
		r, err := x.client("m1").NetworkInspect(x.Context(), a.Target, client.NetworkInspectOptions{})
		if err != nil {
			x.Fatal(err)
		}
		spec.TaskTemplate.Networks[i].Target = r.Network.Name
	}
	c := spec.TaskTemplate.ContainerSpec
	for _, s := range c.Secrets {
		s.SecretID = ""
	}
	for _, s := range c.Configs {
		s.ConfigID = ""
	}
	if c.Privileges != nil && c.Privileges.CredentialSpec != nil {
		c.Privileges.CredentialSpec.Config = ""
	}
}

// tree is v as JSON.
func (x *exportTest) tree(v any) any {
	x.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		x.Fatal(err)
	}
	var tree any
	x.decode(string(text), &tree)
	return tree
}

// prune takes out what has no value: the two ways to make a service differ in
// that.
func prune(tree any) any {
	if list, ok := tree.([]any); ok {
		for i := range list {
			list[i] = prune(list[i])
		}
	}
	m, ok := tree.(map[string]any)
	if !ok {
		return tree
	}
	for name, value := range m {
		value = prune(value)
		m[name] = value
		if sub, ok := value.(map[string]any); value == nil || value == false || value == float64(0) || ok && len(sub) == 0 {
			delete(m, name)
		}
	}
	return m
}

func (x *exportTest) service(name string) swarm.ServiceSpec {
	x.Helper()
	r, err := x.client("m1").ServiceInspect(x.Context(), name, client.ServiceInspectOptions{})
	if err != nil {
		x.Fatal(err)
	}
	x.named(&r.Service.Spec)
	return r.Service.Spec
}

// remove waits until all is gone, containers and the node's part of networks
// too: a deployment would take them for its own.
func (x *exportTest) remove(args ...string) {
	x.Helper()
	x.run1(0, args...)
	stack := args[len(args)-1]
	x.eventually(fmt.Sprint(args, " is done"), func() bool {
		d := x.deployed(stack)
		containers := x.run1(0, "ps", "-aq", "--filter", "label=com.docker.stack.namespace="+stack)
		networks := x.run1(0, "network", "ls", "-q", "--filter", "name="+stack+"_")
		return len(d.Services)+len(d.Networks)+len(d.Secrets)+len(d.Configs)+len(containers)+len(networks) == 0
	})
}
