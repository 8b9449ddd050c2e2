package compose

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/swarmkit/v2/api"
)

// object is a copy of a secret or config.
type object struct {
	kind, id           string
	notes              *api.Annotations
	data               *[]byte
	templating, driver *api.Driver
	spec               any
}

func secretOf(s *api.Secret) object {
	c := s.Copy()
	return object{"secret", s.ID, &c.Spec.Annotations, &c.Spec.Data, c.Spec.Templating, c.Spec.Driver, &c.Spec}
}

func configOf(c *api.Config) object {
	d := c.Copy()
	return object{"config", c.ID, &d.Spec.Annotations, &d.Spec.Data, d.Spec.Templating, nil, &d.Spec}
}

// ownObjects defines those of the stack, whether a service uses them or not, as
// the stack did.
func (x *exporter) ownObjects() {
	var own []object
	for _, s := range x.swarm.Secrets {
		if x.isOwn(s.Spec.Annotations.Labels) {
			own = append(own, secretOf(s))
		}
	}
	for _, c := range x.swarm.Configs {
		if x.isOwn(c.Spec.Annotations.Labels) {
			own = append(own, configOf(c))
		}
	}
	slices.SortFunc(own, func(a, b object) int { return cmp.Compare(a.notes.Name, b.notes.Name) })
	for _, o := range own {
		x.object(o)
	}
}

func (x *exporter) secretKey(id, name string) string {
	for _, s := range x.swarm.Secrets {
		if s.ID == id {
			return x.object(secretOf(s))
		}
	}
	return x.unknownObject("secret", &x.secrets, id, name)
}

func (x *exporter) configKey(id, name string) string {
	for _, c := range x.swarm.Configs {
		if c.ID == id {
			return x.object(configOf(c))
		}
	}
	return x.unknownObject("config", &x.configs, id, name)
}

func (x *exporter) unknownObject(kind string, shelf *shelf, id, name string) string {
	key, known := shelf.keyOf(id, cmp.Or(name, id))
	if !known {
		x.note("%s %s is not in the swarm any more", kind, cmp.Or(name, id))
		external(shelf.open(key), cmp.Or(name, id))
	}
	return key
}

func external(s section, name string) {
	s.flag("external", true)
	s.text("name", name)
}

// object returns the key of a secret or config. It is defined by its content
// only if it may be shown, and if it belongs to the stack, or the service to
// none: docker stack deploy takes one that exists and has the same content, but
// makes it the stack's.
func (x *exporter) object(o object) string {
	shelf := &x.secrets
	if o.kind == "config" {
		shelf = &x.configs
	}
	name := o.notes.Name
	short := name
	own := o.notes.Labels[stackLabel] == x.namespace
	if own {
		short = x.descope(name)
	}
	key, known := shelf.keyOf(o.id, short)
	if known {
		return key
	}
	s := shelf.open(key)
	file := "FILE"
	if x.reveal && o.driver == nil {
		file = x.file(o.kind, name, *o.data)
	}
	if !own || !x.reveal {
		external(s, name)
		x.note("%s %s must exist: %s", o.kind, name, createObject(o, file))
		return key
	}
	if x.namespace == "" {
		x.note("%s %s becomes the stack's, and docker stack rm removes it", o.kind, name)
	}
	x.defineObject(s, key, o, file)
	return key
}

func (x *exporter) defineObject(s section, key string, o object, file string) {
	name := take(&o.notes.Name)
	if !x.isScoped(key, name) {
		s.text("name", name)
	}
	if o.driver != nil {
		s.text("driver", take(&o.driver.Name))
		x.options(s, "driver_opts", o.kind+"_"+key, take(&o.driver.Options))
	} else {
		take(o.data)
		s.text("file", "./"+file)
	}
	s.mapping("labels", x.takeLabels(&o.notes.Labels))
	if o.templating != nil {
		s.text("template_driver", take(&o.templating.Name))
	}
	x.lose(o.kind+" "+name, leftovers(o.spec)...)
}

func (x *exporter) file(kind, name string, data []byte) string {
	if !filepath.IsLocal(name) || strings.ContainsAny(name, "/\\\x00") || name == "." {
		x.fail(fmt.Errorf("%s %q: %w", kind, name, ErrName))
		return ""
	}
	path := kind + "s/" + name
	x.project.Files = append(x.project.Files, File{path, slices.Clone(data)})
	return path
}

// references adds the secrets and configs that a container sees as files.
func (x *exporter) references(s section, c *api.ContainerSpec) {
	var secrets, configs []section
	for _, r := range c.Secrets {
		if f, ok := r.Target.(*api.SecretReference_File); ok {
			secrets = append(secrets, fileTarget(x.secretKey(take(&r.SecretID), take(&r.SecretName)), f.File))
		}
	}
	for _, r := range c.Configs {
		if f, ok := r.Target.(*api.ConfigReference_File); ok {
			configs = append(configs, fileTarget(x.configKey(take(&r.ConfigID), take(&r.ConfigName)), f.File))
		}
	}
	s.items("secrets", secrets)
	s.items("configs", configs)
}

func fileTarget(key string, f *api.FileTarget) section {
	s := newSection()
	s.text("source", key)
	s.text("target", take(&f.Name))
	s.text("uid", take(&f.UID))
	s.text("gid", take(&f.GID))
	s.add("mode", literal(fmt.Sprintf("%#04o", uint32(take(&f.Mode)))))
	return s
}

// credentialSpec takes the reference with it by which the engine finds a config
// that holds one: Docker's command line makes that itself.
func (x *exporter) credentialSpec(s section, c *api.ContainerSpec) {
	if c.Privileges == nil || c.Privileges.CredentialSpec == nil {
		return
	}
	sub := newSection()
	switch source := c.Privileges.CredentialSpec.Source.(type) {
	case *api.Privileges_CredentialSpec_File:
		sub.text("file", take(&source.File))
	case *api.Privileges_CredentialSpec_Registry:
		sub.text("registry", take(&source.Registry))
	case *api.Privileges_CredentialSpec_Config:
		id := take(&source.Config)
		for _, r := range c.Configs {
			if _, ok := r.Target.(*api.ConfigReference_Runtime); ok && r.ConfigID == id {
				sub.text("config", x.configKey(take(&r.ConfigID), take(&r.ConfigName)))
				break
			}
		}
		if len(sub.Content) == 0 {
			sub.text("config", x.configKey(id, ""))
		}
	}
	s.nonEmpty("credential_spec", sub)
}

// noteUnused: docker stack deploy makes only the networks that a service uses.
func (x *exporter) noteUnused() {
	for _, n := range x.swarm.Networks {
		_, used := x.networks.keys[n.ID]
		if !used && x.isOwn(n.Spec.Annotations.Labels) {
			x.lose("network "+n.Spec.Annotations.Name, "no service uses it, so docker stack deploy would not make it")
		}
	}
}
