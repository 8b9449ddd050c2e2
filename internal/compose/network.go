package compose

import (
	"net/netip"
	"slices"

	"github.com/moby/swarmkit/v2/api"
)

// predefinedLabel marks networks that swarmkit makes itself
// (manager/allocator/networkallocator).
const predefinedLabel = "com.docker.swarm.predefined"

// attachments of a service are in its task since Docker 17.06, before that in
// the service itself.
func (x *exporter) attachments(s entry, spec *api.ServiceSpec) {
	list := spec.Task.Networks
	if len(list) == 0 {
		list = spec.Networks
	}
	if len(list) == 0 {
		x.note("service %s has no network: docker stack deploy gives it the default one of the stack", s.name)
		return
	}
	sub := s.open("networks")
	seen := map[string]bool{}
	for _, a := range list {
		key, predefined := x.network(a.Target)
		if seen[key] {
			continue // what is left of it is listed
		}
		seen[key] = true
		take(&a.Target)
		at := sub.open(key)
		aliases := take(&a.Aliases)
		if !predefined {
			aliases = withoutLast(aliases, s.key)
		}
		at.set("aliases", aliases)
		if len(a.DriverAttachmentOpts) > 0 {
			x.need(13)
			at.mapping("driver_opts", take(&a.DriverAttachmentOpts))
		}
	}
}

// withoutLast takes the alias out that docker stack deploy adds at the end.
func withoutLast(aliases []string, service string) []string {
	for i := len(aliases) - 1; i >= 0; i-- {
		if aliases[i] == service {
			return slices.Delete(aliases, i, i+1)
		}
	}
	return aliases
}

// network returns the key of a network by its ID.
func (x *exporter) network(id string) (key string, predefined bool) {
	i := slices.IndexFunc(x.swarm.Networks, func(n *api.Network) bool { return n.ID == id })
	if i < 0 {
		return x.unknownNetwork(id), false
	}
	n := x.swarm.Networks[i]
	name, labels := n.Spec.Annotations.Name, n.Spec.Annotations.Labels
	_, predefined = labels[predefinedLabel]
	predefined = predefined || slices.Contains([]string{"host", "bridge", "none"}, name)
	own := x.isOwn(labels) && !predefined && !n.Spec.Ingress
	short := name
	if own {
		short = x.descope(name)
	}
	key, known := x.networks.keyOf(id, short)
	switch {
	case known:
	case own:
		x.defineNetwork(key, n)
	default:
		external(x.networks.open(key), name)
		if !predefined {
			x.note("network %s must exist: %s", name, createNetwork(&n.Spec))
		}
	}
	return key, predefined
}

func (x *exporter) unknownNetwork(id string) string {
	key, known := x.networks.keyOf(id, id)
	if !known {
		external(x.networks.open(key), id)
		x.note("network %s is not in the swarm any more", id)
	}
	return key
}

func (x *exporter) defineNetwork(key string, n *api.Network) {
	left := n.Copy()
	spec := &left.Spec
	s := x.networks.open(key)
	if name := take(&spec.Annotations.Name); !x.isScoped(key, name) {
		s.text("name", name)
	}
	if d := spec.DriverConfig; d != nil {
		s.text("driver", take(&d.Name))
		s.mapping("driver_opts", take(&d.Options))
	}
	s.flag("attachable", take(&spec.Attachable))
	s.flag("internal", take(&spec.Internal))
	if spec.IPAM != nil {
		s.nonEmpty("ipam", ipam(spec.IPAM))
	}
	s.mapping("labels", x.takeLabels(&spec.Annotations.Labels))
	x.lose("network "+n.Spec.Annotations.Name, leftovers(spec)...)
}

func ipam(o *api.IPAMOptions) section {
	s := newSection()
	if o.Driver != nil {
		s.text("driver", take(&o.Driver.Name))
	}
	var pools []section
	for _, c := range o.Configs {
		if family(c.Subnet) == c.Family {
			take(&c.Family)
		}
		if c.Subnet != "" {
			pool := newSection()
			pool.text("subnet", take(&c.Subnet))
			pools = append(pools, pool)
		}
	}
	s.items("config", pools)
	return s
}

func family(subnet string) api.IPAMConfig_AddressFamily {
	prefix, err := netip.ParsePrefix(subnet)
	switch {
	case err != nil:
		return api.IPAMConfig_UNKNOWN
	case prefix.Addr().Is4():
		return api.IPAMConfig_IPV4
	}
	return api.IPAMConfig_IPV6
}
