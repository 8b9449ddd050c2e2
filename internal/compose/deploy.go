package compose

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/moby/swarmkit/v2/api"
)

func (x *exporter) deploy(service string, c *api.ContainerSpec, spec *api.ServiceSpec) section {
	s := newSection()
	x.mode(s, spec)
	labels := x.takeLabels(&spec.Annotations.Labels)
	delete(labels, imageLabel)
	s.mapping("labels", labels)
	update(s, "update_config", spec.Update)
	update(s, "rollback_config", spec.Rollback)
	s.nonEmpty("resources", resources(c, spec.Task.Resources))
	restart(s, spec.Task.Restart)
	if p := spec.Task.Placement; p != nil {
		s.nonEmpty("placement", placement(p))
		if take(&p.Platforms) != nil {
			x.lose("service "+service, "task.placement.platforms")
		}
	}
	if e := spec.Endpoint; e != nil && take(&e.Mode) == api.ResolutionModeDNSRoundRobin {
		s.text("endpoint_mode", "dnsrr")
	}
	return s
}

// mode: of the jobs Compose knows one number, which is both that of all
// completions and that of those at a time. Docker 20.10 does not know them.
func (x *exporter) mode(s section, spec *api.ServiceSpec) {
	switch m := spec.Mode.(type) {
	case *api.ServiceSpec_Replicated:
		s.text("mode", "replicated")
		number(s, "replicas", take(&m.Replicated.Replicas))
	case *api.ServiceSpec_Global:
		s.text("mode", "global")
	case *api.ServiceSpec_ReplicatedJob:
		x.need(10)
		s.text("mode", "replicated-job")
		total := take(&m.ReplicatedJob.TotalCompletions)
		number(s, "replicas", total)
		if m.ReplicatedJob.MaxConcurrent == total {
			take(&m.ReplicatedJob.MaxConcurrent)
		}
	case *api.ServiceSpec_GlobalJob:
		x.need(10)
		s.text("mode", "global-job")
	}
}

func update(s section, key string, u *api.UpdateConfig) {
	if u == nil {
		return
	}
	sub := s.open(key)
	number(sub, "parallelism", take(&u.Parallelism))
	if delay := take(&u.Delay); delay != 0 {
		sub.text("delay", delay.String())
	}
	sub.text("failure_action", strings.ToLower(take(&u.FailureAction).String()))
	sub.duration("monitor", takeDuration(&u.Monitor))
	if ratio := take(&u.MaxFailureRatio); ratio != 0 {
		sub.add("max_failure_ratio", literal(strconv.FormatFloat(float64(ratio), 'f', -1, 32)))
	}
	sub.text("order", strings.ReplaceAll(strings.ToLower(take(&u.Order).String()), "_", "-"))
}

func resources(c *api.ContainerSpec, r *api.ResourceRequirements) section {
	s := newSection()
	pids := take(&c.PidsLimit)
	if r == nil {
		r = &api.ResourceRequirements{}
	}
	if r.Limits != nil || pids != 0 {
		sub := s.open("limits")
		amounts(sub, r.Limits)
		positive(sub, "pids", pids)
	}
	if r.Reservations != nil {
		sub := s.open("reservations")
		amounts(sub, r.Reservations)
		sub.items("generic_resources", discrete(r.Reservations))
	}
	return s
}

func amounts(s section, r *api.Resources) {
	if r == nil {
		return
	}
	if cpus := take(&r.NanoCPUs); cpus != 0 {
		text := big.NewRat(cpus, 1e9).FloatString(9)
		s.text("cpus", strings.TrimSuffix(strings.TrimRight(text, "0"), "."))
	}
	if memory := take(&r.MemoryBytes); memory != 0 {
		s.text("memory", strconv.FormatInt(memory, 10))
	}
}

// discrete leaves named resources, which Compose does not know.
func discrete(r *api.Resources) []section {
	var items []section
	for _, g := range r.Generic {
		d, ok := g.Resource.(*api.GenericResource_DiscreteResourceSpec)
		if !ok {
			continue
		}
		item := newSection()
		sub := item.open("discrete_resource_spec")
		sub.text("kind", take(&d.DiscreteResourceSpec.Kind))
		number(sub, "value", take(&d.DiscreteResourceSpec.Value))
		items = append(items, item)
	}
	return items
}

func restart(s section, r *api.RestartPolicy) {
	if r == nil {
		return
	}
	sub := s.open("restart_policy")
	sub.text("condition", strings.ReplaceAll(strings.ToLower(take(&r.Condition).String()), "_", "-"))
	sub.duration("delay", takeDuration(&r.Delay))
	positive(sub, "max_attempts", take(&r.MaxAttempts))
	sub.duration("window", takeDuration(&r.Window))
}

func placement(p *api.Placement) section {
	s := newSection()
	s.list("constraints", take(&p.Constraints))
	var preferences []section
	for _, preference := range p.Preferences {
		if over, ok := preference.Preference.(*api.PlacementPreference_Spread); ok {
			item := newSection()
			item.text("spread", take(&over.Spread.SpreadDescriptor))
			preferences = append(preferences, item)
		}
	}
	s.items("preferences", preferences)
	positive(s, "max_replicas_per_node", take(&p.MaxReplicas))
	return s
}

func ports(e *api.EndpointSpec) []section {
	var items []section
	for _, p := range e.Ports {
		s := newSection()
		number(s, "target", take(&p.TargetPort))
		positive(s, "published", take(&p.PublishedPort))
		s.text("protocol", strings.ToLower(take(&p.Protocol).String()))
		s.text("mode", strings.ToLower(take(&p.PublishMode).String()))
		items = append(items, s)
	}
	return items
}
