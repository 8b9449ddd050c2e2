package e2e

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

// told is what the engine and the log both tell of an object. Zero is what the
// API does not tell of its kind.
type told struct {
	Name             string
	Version          uint64
	Created, Updated time.Time
	Labels           map[string]string
	Spec             string
}

// objects are those of some kinds, by "kind id".
type objects map[string]told

func (all objects) add(kind, id string, t told) {
	t.Created, t.Updated = t.Created.UTC(), t.Updated.UTC()
	if len(t.Labels) == 0 {
		t.Labels = nil
	}
	all[kind+" "+id] = t
}

// toldByEngine asks the API of a live manager.
func (f *fixture) toldByEngine(node string) objects {
	f.Helper()
	c, ctx, all := f.client(node), f.Context(), objects{}
	defer c.Close()
	secrets, err := c.SecretList(ctx, client.SecretListOptions{})
	f.check(err)
	for _, s := range secrets.Items {
		all.add("secret", s.ID, ofMeta(s.Meta, s.Spec.Annotations, ""))
	}
	configs, err := c.ConfigList(ctx, client.ConfigListOptions{})
	f.check(err)
	for _, s := range configs.Items {
		all.add("config", s.ID, ofMeta(s.Meta, s.Spec.Annotations, base64.StdEncoding.EncodeToString(s.Spec.Data)))
	}
	services, err := c.ServiceList(ctx, client.ServiceListOptions{})
	f.check(err)
	for _, s := range services.Items {
		all.add("service", s.ID, ofMeta(s.Meta, s.Spec.Annotations, serviceSpec(s.Spec)))
	}
	nodes, err := c.NodeList(ctx, client.NodeListOptions{})
	f.check(err)
	for _, n := range nodes.Items {
		t := ofMeta(n.Meta, n.Spec.Annotations, fmt.Sprint(n.Spec.Role, n.Spec.Availability, n.Status.State, n.Status.Addr))
		t.Name = n.Description.Hostname
		all.add("node", n.ID, t)
	}
	f.addNetworks(c, all)
	return all
}

func (f *fixture) addNetworks(c *client.Client, all objects) {
	networks, err := c.NetworkList(f.Context(), client.NetworkListOptions{})
	f.check(err)
	for _, n := range networks.Items {
		if n.Scope != "swarm" {
			continue
		}
		spec := fmt.Sprint(n.Driver, n.Attachable, n.Internal, n.Ingress)
		for _, config := range n.IPAM.Config {
			spec += config.Subnet.String()
		}
		all.add("network", n.ID, told{Name: n.Name, Labels: n.Labels, Spec: spec})
	}
}

func ofMeta(m swarm.Meta, notes swarm.Annotations, spec string) told {
	return told{notes.Name, m.Version.Index, m.CreatedAt, m.UpdatedAt, notes.Labels, spec}
}

func serviceSpec(s swarm.ServiceSpec) string {
	c := s.TaskTemplate.ContainerSpec
	words := append([]string{c.Image}, c.Env...)
	for _, secret := range c.Secrets {
		words = append(words, secret.SecretID, secret.SecretName, secret.File.Name)
	}
	for _, config := range c.Configs {
		words = append(words, config.ConfigID, config.ConfigName, config.File.Name)
	}
	for _, network := range s.TaskTemplate.Networks {
		words = append(words, network.Target)
	}
	mode := "global"
	if s.Mode.Replicated != nil {
		mode = fmt.Sprint(*s.Mode.Replicated.Replicas)
	}
	return strings.Join(append(words, mode), " ")
}

// logged is an object as `log state -o json --reveal` prints it.
type logged struct {
	Kind, ID, Name string
	Object         struct {
		Meta struct {
			Version struct {
				Index uint64 `json:",string"`
			}
			CreatedAt, UpdatedAt time.Time
		}
		Spec struct {
			Annotations struct {
				Name   string
				Labels map[string]string
			}
			Data       string
			Task       loggedTask
			Replicated *struct {
				Replicas uint64 `json:",string"`
			}
			Availability, DesiredRole     string
			Attachable, Internal, Ingress bool
		}
		Status      struct{ State, Addr string }
		DriverState struct{ Name string }
		Ipam        struct{ Configs []struct{ Subnet string } }
	}
}

type loggedTask struct {
	Container struct {
		Image   string
		Env     []string
		Secrets []struct {
			SecretID, SecretName string
			File                 struct{ Name string }
		}
		Configs []struct {
			ConfigID, ConfigName string
			File                 struct{ Name string }
		}
	}
	Networks []struct{ Target string }
}

// toldByLog replays a log.
func (f *fixture) toldByLog(node string, flags ...string) objects {
	f.Helper()
	var list []logged
	f.decode(f.on(node, append([]string{"log", "state", "all", "-o", "json", "--reveal"}, flags...)...), &list)
	all := objects{}
	for _, o := range list {
		m, s := o.Object.Meta, o.Object.Spec
		t := told{s.Annotations.Name, m.Version.Index, m.CreatedAt, m.UpdatedAt, s.Annotations.Labels, ""}
		switch o.Kind {
		case "secret":
		case "config":
			t.Spec = s.Data
		case "service":
			t.Spec = o.serviceSpec()
		case "node":
			t.Name, t.Spec = o.Name, o.nodeSpec()
		case "network":
			t = told{Name: t.Name, Labels: t.Labels, Spec: o.networkSpec()}
		default:
			continue
		}
		if o.Kind == "network" && slices.Contains([]string{"host", "bridge"}, o.Object.DriverState.Name) {
			continue // of each node, in the log since 17.12
		}
		all.add(o.Kind, o.ID, t)
	}
	return all
}

// nodeSpec leaves nothing out that is zero in protobuf.
func (o logged) nodeSpec() string {
	role, availability := strings.ToLower(o.Object.Spec.DesiredRole), strings.ToLower(o.Object.Spec.Availability)
	if role == "" {
		role = "worker"
	}
	if availability == "" {
		availability = "active"
	}
	return fmt.Sprint(swarm.NodeRole(role), swarm.NodeAvailability(availability),
		swarm.NodeState(strings.ToLower(o.Object.Status.State)), o.Object.Status.Addr)
}

func (o logged) networkSpec() string {
	s := o.Object.Spec
	text := fmt.Sprint(o.Object.DriverState.Name, s.Attachable, s.Internal, s.Ingress)
	for _, c := range o.Object.Ipam.Configs {
		text += c.Subnet
	}
	return text
}

func (o logged) serviceSpec() string {
	task := o.Object.Spec.Task
	words := append([]string{task.Container.Image}, task.Container.Env...)
	for _, s := range task.Container.Secrets {
		words = append(words, s.SecretID, s.SecretName, s.File.Name)
	}
	for _, c := range task.Container.Configs {
		words = append(words, c.ConfigID, c.ConfigName, c.File.Name)
	}
	for _, n := range task.Networks {
		words = append(words, n.Target)
	}
	mode := "global"
	if r := o.Object.Spec.Replicated; r != nil {
		mode = fmt.Sprint(r.Replicas)
	}
	return strings.Join(append(words, mode), " ")
}

// settled leaves out what an engine writes when it starts.
func (all objects) settled() objects {
	left := objects{}
	for key, t := range all {
		t.Version, t.Updated = 0, time.Time{}
		if strings.HasPrefix(key, "node ") {
			t.Spec = ""
		}
		left[key] = t
	}
	return left
}
