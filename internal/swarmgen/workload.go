package swarmgen

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	gogotypes "github.com/gogo/protobuf/types"
	"github.com/moby/swarmkit/v2/api"
)

// start is when the made-up swarms began: contents are the same in every run.
var start = time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)

// Shape of a service as it is found in production.
const (
	envs        = 20
	stackOf     = 10 // services in a stack
	nodeNetwork = 20 // services on a network
)

// workload makes objects that depend on the seed alone.
type workload struct {
	r        *rand.Rand
	bytes    int // size of a task's create or update action, about
	nodes    []*api.Node
	networks []*api.Network
	secrets  []*api.Secret
	configs  []*api.Config
	services []*api.Service
}

func newWorkload(seed uint64, bytes int) *workload {
	return &workload{r: rand.New(rand.NewPCG(seed, 2)), bytes: bytes}
}

// id has the form of swarmkit's: 25 digits of base 36.
func (w *workload) id() string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	id := make([]byte, 25)
	for i := range id {
		id[i] = digits[w.r.IntN(len(digits))]
	}
	return string(id)
}

func (w *workload) hex(n int) string {
	const digits = "0123456789abcdef"
	text := make([]byte, n)
	for i := range text {
		text[i] = digits[w.r.IntN(len(digits))]
	}
	return string(text)
}

// stamp is the time of an index: ten entries a second.
func stamp(index uint64) *gogotypes.Timestamp {
	at := start.Add(time.Duration(index) * 100 * time.Millisecond)
	return &gogotypes.Timestamp{Seconds: at.Unix(), Nanos: int32(at.Nanosecond())}
}

// meta is that of an object which the entry at index created or changed; its
// version is the index before.
func meta(created, index uint64) api.Meta {
	return api.Meta{Version: api.Version{Index: index - 1}, CreatedAt: stamp(created), UpdatedAt: stamp(index)}
}

// populate makes what tasks refer to.
func (w *workload) populate(nodes, services int) {
	for i := range nodes {
		w.nodes = append(w.nodes, w.node(i))
	}
	for i := range 1 + services/nodeNetwork {
		w.networks = append(w.networks, w.network(i))
	}
	for i := range 2 + services/stackOf {
		w.secrets = append(w.secrets, w.secret(i))
		w.configs = append(w.configs, w.config(i))
	}
	for i := range services {
		w.services = append(w.services, w.service(i))
	}
}

func (w *workload) node(i int) *api.Node {
	id := w.id()
	return &api.Node{
		ID: id, Meta: meta(5, 5), Role: api.NodeRoleWorker,
		Spec:        api.NodeSpec{DesiredRole: api.NodeRoleWorker, Membership: api.NodeMembershipAccepted},
		Certificate: api.Certificate{CN: id, Role: api.NodeRoleWorker, Status: api.IssuanceStatus{State: api.IssuanceStateIssued}},
		Description: &api.NodeDescription{
			Hostname:  fmt.Sprintf("node-%04d", i),
			Platform:  &api.Platform{Architecture: "x86_64", OS: "linux"},
			Resources: &api.Resources{NanoCPUs: 4e9, MemoryBytes: 16 << 30},
			Engine:    &api.EngineDescription{EngineVersion: "28.5.2", Plugins: plugins()},
		},
		Status: api.NodeStatus{State: api.NodeStatus_READY, Addr: fmt.Sprintf("10.%d.%d.%d", 1+i>>16, i>>8&255, i&255)},
	}
}

func plugins() []api.PluginDescription {
	var all []api.PluginDescription
	for _, name := range []string{"awslogs", "fluentd", "gelf", "journald", "json-file", "local", "splunk", "syslog"} {
		all = append(all, api.PluginDescription{Type: "Log", Name: name})
	}
	for _, name := range []string{"bridge", "host", "ipvlan", "macvlan", "null", "overlay"} {
		all = append(all, api.PluginDescription{Type: "Network", Name: name})
	}
	return append(all, api.PluginDescription{Type: "Volume", Name: "local"})
}

func (w *workload) network(i int) *api.Network {
	return &api.Network{
		ID: w.id(), Meta: meta(6, 7),
		Spec: api.NetworkSpec{
			Annotations:  api.Annotations{Name: fmt.Sprintf("net-%02d", i), Labels: map[string]string{"com.docker.stack.namespace": fmt.Sprintf("stack-%02d", i)}},
			DriverConfig: &api.Driver{Name: "overlay"}, IPAM: &api.IPAMOptions{Driver: &api.Driver{Name: "default"}},
		},
		DriverState: &api.Driver{Name: "overlay", Options: map[string]string{"com.docker.network.driver.overlay.vxlanid_list": fmt.Sprint(4097 + i)}},
		IPAM: &api.IPAMOptions{
			Driver:  &api.Driver{Name: "default"},
			Configs: []*api.IPAMConfig{{Family: api.IPAMConfig_IPV4, Subnet: fmt.Sprintf("10.%d.0.0/16", 100+i), Gateway: fmt.Sprintf("10.%d.0.1", 100+i)}},
		},
	}
}

func (w *workload) secret(i int) *api.Secret {
	notes := api.Annotations{Name: fmt.Sprintf("secret-%03d", i), Labels: map[string]string{"rotation": "yearly"}}
	return &api.Secret{ID: w.id(), Meta: meta(8, 8), Spec: api.SecretSpec{Annotations: notes, Data: []byte("swarmdr-canary-secret-" + w.hex(40))}}
}

func (w *workload) config(i int) *api.Config {
	notes := api.Annotations{Name: fmt.Sprintf("config-%03d", i)}
	text := strings.Repeat(fmt.Sprintf("listen 80%02d; # swarmdr-canary-config\n", i%100), 20)
	return &api.Config{ID: w.id(), Meta: meta(9, 9), Spec: api.ConfigSpec{Annotations: notes, Data: []byte(text)}}
}

func (w *workload) service(i int) *api.Service {
	stack := fmt.Sprintf("stack-%02d", i/stackOf)
	notes := api.Annotations{Name: fmt.Sprintf("%s_service-%03d", stack, i), Labels: map[string]string{
		"com.docker.stack.namespace": stack, "com.docker.stack.image": image(i, 27),
		"traefik.enable": "true", "traefik.http.routers.web.rule": fmt.Sprintf("Host(`s%03d.example.com`)", i),
	}}
	s := &api.Service{ID: w.id(), Meta: meta(10, 11), SpecVersion: &api.Version{Index: 10}, Spec: api.ServiceSpec{
		Annotations: notes, Task: w.taskSpec(i, stack),
		Mode:     &api.ServiceSpec_Replicated{Replicated: &api.ReplicatedService{Replicas: 4}},
		Update:   &api.UpdateConfig{Parallelism: 1, Delay: 10 * time.Second},
		Endpoint: &api.EndpointSpec{Ports: []*api.PortConfig{{TargetPort: 8080, PublishedPort: uint32(20000 + i)}}},
	}}
	s.Endpoint = &api.Endpoint{Spec: s.Spec.Endpoint.Copy(), Ports: s.Spec.Endpoint.Ports,
		VirtualIPs: []*api.Endpoint_VirtualIP{{NetworkID: w.networkOf(i).ID, Addr: address(w.networkOf(i), uint32(i)+2)}}}
	w.pad(s)
	return s
}

func image(i, minor int) string {
	return fmt.Sprintf("registry.example.com/team/app-%03d:1.%d@sha256:%064x", i, minor, i*31+minor)
}

func (w *workload) networkOf(service int) *api.Network { return w.networks[service/nodeNetwork] }

func address(n *api.Network, host uint32) string {
	prefix, _, _ := strings.Cut(n.IPAM.Configs[0].Subnet, ".0.0/")
	return fmt.Sprintf("%s.%d.%d/16", prefix, host>>8&255, host&255)
}

func (w *workload) taskSpec(i int, stack string) api.TaskSpec {
	secret, config := w.secrets[i/stackOf], w.configs[i/stackOf]
	return api.TaskSpec{
		Runtime: &api.TaskSpec_Container{Container: &api.ContainerSpec{
			Image:  image(i, 27),
			Labels: map[string]string{"com.docker.stack.namespace": stack, "tier": "backend", "team": "payments"},
			Env:    w.environment(),
			Mounts: []api.Mount{
				{Type: api.MountTypeVolume, Source: fmt.Sprintf("data-%03d", i), Target: "/var/lib/app"},
				{Type: api.MountTypeBind, Source: "/etc/localtime", Target: "/etc/localtime", ReadOnly: true},
			},
			Secrets: []*api.SecretReference{{SecretID: secret.ID, SecretName: secret.Spec.Annotations.Name,
				Target: &api.SecretReference_File{File: &api.FileTarget{Name: "app.key", UID: "0", GID: "0", Mode: 0o444}}}},
			Configs: []*api.ConfigReference{{ConfigID: config.ID, ConfigName: config.Spec.Annotations.Name,
				Target: &api.ConfigReference_File{File: &api.FileTarget{Name: "/etc/app.conf", UID: "0", GID: "0", Mode: 0o444}}}},
			Healthcheck:     &api.HealthConfig{Test: []string{"CMD-SHELL", "wget -qO- http://127.0.0.1:8080/health"}, Retries: 3},
			StopGracePeriod: gogotypes.DurationProto(30 * time.Second),
		}},
		Resources: &api.ResourceRequirements{
			Limits:       &api.Resources{NanoCPUs: 1e9, MemoryBytes: 512 << 20},
			Reservations: &api.Resources{MemoryBytes: 128 << 20},
		},
		Restart:   &api.RestartPolicy{Condition: api.RestartOnAny, Delay: gogotypes.DurationProto(5 * time.Second), MaxAttempts: 3},
		Placement: &api.Placement{Constraints: []string{"node.role==worker", "node.labels.zone!=edge"}},
		LogDriver: &api.Driver{Name: "json-file", Options: map[string]string{"max-size": "10m", "max-file": "3"}},
		Networks:  []*api.NetworkAttachmentConfig{{Target: w.networkOf(i).ID, Aliases: []string{fmt.Sprintf("service-%03d", i)}}},
	}
}

func (w *workload) environment() []string {
	env := make([]string, envs)
	for i := range env {
		env[i] = fmt.Sprintf("APP_SETTING_%02d=", i)
	}
	env[0] = "DB_TOKEN=swarmdr-canary-env-" + w.hex(8)
	return env
}

// pad lengthens the environment until a task of the service has the size that
// is wanted.
func (w *workload) pad(s *api.Service) {
	env := s.Spec.Task.GetContainer().Env
	probe := w.task(s, 0, 1, 1)
	w.advance(probe, 1000, api.TaskStateRunning)
	missing := w.bytes - probe.Size()
	for i := 1; i < len(env) && missing > 0; i++ {
		n := (missing + len(env) - 1 - i) / (len(env) - i)
		env[i] += w.hex(n)
		missing -= n
	}
}
