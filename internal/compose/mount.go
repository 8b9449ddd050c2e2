package compose

import (
	"fmt"
	"strings"

	"github.com/moby/swarmkit/v2/api"
)

// mounts takes of each mount what goes with its type; options of other types
// are left.
func (x *exporter) mounts(s section, mounts []api.Mount) {
	var items []section
	for i := range mounts {
		items = append(items, x.mount(&mounts[i]))
	}
	s.items("volumes", items)
}

func (x *exporter) mount(m *api.Mount) section {
	s := newSection()
	kind := take(&m.Type)
	s.text("type", mountType(kind))
	switch kind {
	case api.MountTypeVolume:
		x.volumeMount(s, m)
	case api.MountTypeCluster:
		x.need(11)
		s.text("source", x.clusterVolume(take(&m.Source)))
	case api.MountTypeTmpfs: // its source means nothing, and Compose refuses it
		if o := m.TmpfsOptions; o != nil {
			positive(s.open("tmpfs"), "size", take(&o.SizeBytes))
		}
	case api.MountTypeBind:
		s.text("source", take(&m.Source))
		if o := m.BindOptions; o != nil {
			s.open("bind").text("propagation", strings.ToLower(take(&o.Propagation).String()))
		}
	default:
		s.text("source", take(&m.Source))
	}
	s.text("target", take(&m.Target))
	s.flag("read_only", take(&m.ReadOnly))
	if c := take(&m.Consistency); c != api.MountConsistencyDefault {
		s.text("consistency", strings.ToLower(c.String()))
	}
	return s
}

func mountType(t api.Mount_MountType) string { return strings.ToLower(t.String()) }

// volumeMount leaves the options of a volume without a name: Compose knows none.
func (x *exporter) volumeMount(s section, m *api.Mount) {
	if m.Source == "" {
		return
	}
	s.text("source", x.volume(take(&m.Source), m.VolumeOptions))
	if m.VolumeOptions == nil {
		return
	}
	sub := newSection()
	sub.flag("nocopy", take(&m.VolumeOptions.NoCopy))
	if path := take(&m.VolumeOptions.Subpath); path != "" {
		x.need(13) // docker 26.1 passes it over
		sub.text("subpath", path)
	}
	s.nonEmpty("volume", sub)
}

// volume returns the key of a volume. The same name with other options is
// another entry: swarm knows volumes only by their mounts.
func (x *exporter) volume(name string, o *api.Mount_VolumeOptions) string {
	labels, driver := map[string]string(nil), &api.Driver{}
	own := false
	if o != nil {
		own = x.isOwn(o.Labels)
		labels = x.takeLabels(&o.Labels)
		if o.DriverConfig != nil {
			*driver = take(o.DriverConfig)
		}
	}
	what := fmt.Sprintf("%q %v %q %q", name, own, labels, driver)
	short := name
	if own {
		short = x.descope(name)
	}
	key, known := x.volumes.keyOf(what, short)
	if !known {
		x.defineVolume(key, name, own, labels, driver)
	}
	return key
}

func (x *exporter) defineVolume(key, name string, own bool, labels map[string]string, driver *api.Driver) {
	s := x.volumes.open(key)
	if !own && len(labels) == 0 && driver.Name == "" && len(driver.Options) == 0 {
		external(s, name)
		return
	}
	if !own {
		x.note("volume %s: docker stack deploy adds the label of the stack to those that it is made with", name)
	}
	if !x.isScoped(key, name) {
		s.text("name", name)
	}
	s.text("driver", driver.Name)
	x.options(s, "driver_opts", "volume_"+key, driver.Options)
	s.mapping("labels", labels)
}

// clusterVolume returns the source of a mount of a cluster volume. A group of
// them needs no entry.
func (x *exporter) clusterVolume(name string) string {
	if strings.HasPrefix(name, "group:") {
		return name
	}
	key, known := x.volumes.keyOf("cluster "+name, name)
	if !known {
		external(x.volumes.open(key), name)
		x.note("cluster volume %s must exist", name)
	}
	return key
}
