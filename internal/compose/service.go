package compose

import (
	"slices"
	"strconv"
	"strings"

	"github.com/moby/swarmkit/v2/api"
	"go.yaml.in/yaml/v3"
)

// container is nil for services that run plugins or attachments.
func container(svc *api.Service) *api.ContainerSpec {
	if c, ok := svc.Spec.Task.Runtime.(*api.TaskSpec_Container); ok {
		return c.Container
	}
	return nil
}

// entry is that of a service, with its key and its whole name.
type entry struct {
	section
	key, name string
}

func (x *exporter) service(svc *api.Service, short string) {
	whole := svc.Spec.Annotations.Name
	if container(svc) == nil {
		x.lose("service "+whole, ErrNotContainer.Error())
		return
	}
	key := x.services.names.key(short)
	left := svc.Copy()
	spec := &left.Spec
	take(&spec.Annotations.Name)
	if x.project.Stack != "" && x.project.Stack+"_"+key != whole {
		x.note("service %s: docker stack deploy calls it %s_%s", whole, x.project.Stack, key)
	}
	s := entry{x.services.open(key), key, whole}
	x.container(s, container(left))
	x.attachments(s, spec)
	if spec.Endpoint != nil {
		s.items("ports", ports(spec.Endpoint))
	}
	if log := spec.Task.LogDriver; log != nil {
		sub := s.open("logging")
		sub.text("driver", take(&log.Name))
		x.options(sub, "options", key+"_logging", take(&log.Options))
	}
	s.nonEmpty("deploy", x.deploy(whole, container(left), spec))
	x.lose("service "+whole, leftovers(spec)...)
}

func (x *exporter) container(s entry, c *api.ContainerSpec) {
	s.text("image", take(&c.Image))
	s.list("entrypoint", take(&c.Command))
	s.list("command", take(&c.Args))
	x.environment(s, take(&c.Env))
	s.mapping("labels", x.takeLabels(&c.Labels))
	s.text("hostname", take(&c.Hostname))
	s.text("working_dir", take(&c.Dir))
	s.text("user", take(&c.User))
	if on := take(&c.Init); on != nil {
		s.add("init", literal(strconv.FormatBool(on.Value)))
	}
	s.flag("tty", take(&c.TTY))
	s.flag("stdin_open", take(&c.OpenStdin))
	s.flag("read_only", take(&c.ReadOnly))
	s.text("stop_signal", take(&c.StopSignal))
	s.duration("stop_grace_period", takeDuration(&c.StopGracePeriod))
	x.healthcheck(s.section, c.Healthcheck)
	s.set("extra_hosts", takeHosts(&c.Hosts))
	if dns := c.DNSConfig; dns != nil {
		s.set("dns", take(&dns.Nameservers))
		s.set("dns_search", take(&dns.Search))
	}
	s.mapping("sysctls", take(&c.Sysctls))
	s.set("cap_add", take(&c.CapabilityAdd))
	s.set("cap_drop", take(&c.CapabilityDrop))
	s.nonEmpty("ulimits", ulimits(&c.Ulimits))
	s.text("isolation", isolation(take(&c.Isolation)))
	if score := take(&c.OomScoreAdj); score != 0 {
		x.need(13)
		number(s.section, "oom_score_adj", score)
	}
	x.credentialSpec(s.section, c)
	x.mounts(s.section, c.Mounts)
	x.references(s.section, c)
}

// environment lists the variables: in a list, unlike in a mapping, an entry
// without a value can be hidden as a whole. It is no name for sure.
func (x *exporter) environment(s entry, env []string) {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for i, entry := range env {
		name, value, found := strings.Cut(entry, "=")
		if !found {
			name = "number " + strconv.Itoa(i+1)
		}
		if found && isReplaced(name, env[i+1:]) {
			x.lose("service "+s.name, "task.container.env: "+name+" is set twice, and the last one counts")
			continue
		}
		if value == "" && x.reveal {
			x.note("service %s: variable %s is empty: docker stack deploy gives it the value that it has in its own environment", s.name, name)
		}
		list.Content = append(list.Content, x.variableEntry(s.key, entry, name, found))
	}
	if len(list.Content) > 0 {
		s.add("environment", list)
	}
}

func (x *exporter) variableEntry(service, entry, name string, hasValue bool) *yaml.Node {
	switch {
	case x.reveal:
		return text(entry)
	case hasValue:
		return scalar(escape(name) + "=" + x.variable(service, name))
	}
	return scalar(x.variable(service, "env "+name))
}

func isReplaced(name string, later []string) bool {
	return slices.ContainsFunc(later, func(entry string) bool {
		again, _, _ := strings.Cut(entry, "=")
		return again == name
	})
}

func (x *exporter) healthcheck(s section, h *api.HealthConfig) {
	if h == nil {
		return
	}
	sub := s.open("healthcheck")
	sub.list("test", take(&h.Test))
	sub.duration("interval", takeDuration(&h.Interval))
	sub.duration("timeout", takeDuration(&h.Timeout))
	positive(sub, "retries", take(&h.Retries))
	sub.duration("start_period", takeDuration(&h.StartPeriod))
	if interval := takeDuration(&h.StartInterval); interval != nil {
		x.need(12)
		sub.duration("start_interval", interval)
	}
}

// takeHosts turns lines of /etc/hosts, "IP NAME...", into "NAME...:IP".
func takeHosts(lines *[]string) []string {
	var hosts, odd []string
	for _, line := range *lines {
		fields := strings.Fields(line)
		if len(fields) < 2 || strings.ContainsAny(strings.Join(fields[1:], ""), ":=") {
			odd = append(odd, line)
			continue
		}
		hosts = append(hosts, strings.Join(fields[1:], " ")+":"+fields[0])
	}
	*lines = odd
	return hosts
}

func ulimits(list *[]*api.ContainerSpec_Ulimit) section {
	limits := newSection()
	for _, u := range take(list) {
		sub := limits.open(u.Name)
		number(sub, "soft", u.Soft)
		number(sub, "hard", u.Hard)
	}
	return limits
}

func isolation(i api.ContainerSpec_Isolation) string {
	return map[api.ContainerSpec_Isolation]string{
		api.ContainerIsolationProcess: "process",
		api.ContainerIsolationHyperV:  "hyperv",
	}[i]
}
