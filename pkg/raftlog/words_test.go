package raftlog_test

import (
	"strings"
	"testing"

	"github.com/gogo/protobuf/types"
	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

func describe(t *testing.T, op raftlog.Op, before, after api.StoreObject) string {
	t.Helper()
	old := raftlog.Object{}
	if before != nil {
		old = object(t, before)
	}
	return raftlog.Describe(old, raftlog.Action{Op: op, Object: object(t, after)})
}

func object(t *testing.T, v api.StoreObject) raftlog.Object {
	t.Helper()
	o, err := raftlog.NewObject(v)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// saying is a change and what is said of it.
type saying[T any] struct {
	want   string
	before func(T) // what it was, if not as the table's object is
	change func(T)
}

func checkSayings[T api.StoreObject](t *testing.T, fresh func() T, all []saying[T]) {
	t.Helper()
	for _, s := range all {
		before, after := fresh(), fresh()
		if s.before != nil {
			s.before(before)
		}
		s.change(after)
		if got := describe(t, raftlog.Update, before, after); got != s.want {
			t.Errorf("got  %s\nwant %s", got, s.want)
		}
	}
}

func webService() *api.Service {
	return &api.Service{ID: "s1", Meta: api.Meta{Version: api.Version{Index: 7}}, Spec: api.ServiceSpec{
		Annotations: api.Annotations{Name: "web", Labels: map[string]string{"tier": "front"}},
		Task: api.TaskSpec{
			Runtime: &api.TaskSpec_Container{Container: &api.ContainerSpec{
				Image:   "nginx:1.27@sha256:" + strings.Repeat("1", 64),
				Env:     []string{"DB_TOKEN=swarmdr-canary-1", "MODE=fast"},
				Secrets: []*api.SecretReference{{SecretID: "x1", SecretName: "db-v1"}},
			}},
			Resources: &api.ResourceRequirements{Limits: &api.Resources{MemoryBytes: 512 << 20, NanoCPUs: 5e8}},
			Placement: &api.Placement{},
		},
		Mode:     &api.ServiceSpec_Replicated{Replicated: &api.ReplicatedService{Replicas: 3}},
		Endpoint: &api.EndpointSpec{Ports: []*api.PortConfig{{TargetPort: 80, PublishedPort: 8080}}},
	}}
}

func container(s *api.Service) *api.ContainerSpec { return s.Spec.Task.GetContainer() }

func TestDescribeService(t *testing.T) {
	type service = *api.Service
	status := func(state api.UpdateStatus_UpdateState) func(service) {
		return func(s service) { s.UpdateStatus = &api.UpdateStatus{State: state, Message: "words"} }
	}
	checkSayings(t, webService, []saying[service]{
		{want: "service web: image nginx:1.27 -> nginx:1.29, replicas 3 -> 5", change: func(s service) {
			container(s).Image = "nginx:1.29@sha256:" + strings.Repeat("2", 64)
			s.Spec.Mode = &api.ServiceSpec_Replicated{Replicated: &api.ReplicatedService{Replicas: 5}}
			s.Meta.Version.Index = 8
			s.PreviousSpec = webService().Spec.Copy()
			s.SpecVersion = &api.Version{Index: 8}
		}},
		{want: "service web: image nginx:1.27@111111111111 -> nginx:1.27@222222222222", change: func(s service) {
			container(s).Image = "nginx:1.27@sha256:" + strings.Repeat("2", 64)
		}},
		{want: "service web: replicas 3 -> 0", change: func(s service) {
			s.Spec.Mode = &api.ServiceSpec_Replicated{Replicated: &api.ReplicatedService{}}
		}},
		{want: "service web: env DB_TOKEN changed, env MODE removed, env LEVEL added", change: func(s service) {
			container(s).Env = []string{"DB_TOKEN=swarmdr-canary-2", "LEVEL=3"}
		}},
		{want: "service web: label tier front -> back, label zone set to eu", change: func(s service) {
			s.Spec.Annotations.Labels = map[string]string{"tier": "back", "zone": "eu"}
		}},
		{want: "service web: label tier removed, was front", change: func(s service) { s.Spec.Annotations.Labels = nil }},
		{want: "service web: secret db-v1 -> db-v2", change: func(s service) {
			container(s).Secrets = []*api.SecretReference{{SecretID: "x2", SecretName: "db-v2"}}
		}},
		{want: "service web: secret db-v1 removed, config conf added", change: func(s service) {
			container(s).Secrets = nil
			container(s).Configs = []*api.ConfigReference{{ConfigID: "c", ConfigName: "conf"}}
		}},
		{want: "service web: CPU limit 0.5 -> 1.25, memory limit 512MiB -> 1GiB", change: func(s service) {
			s.Spec.Task.Resources.Limits = &api.Resources{MemoryBytes: 1 << 30, NanoCPUs: 125e7}
		}},
		{want: "service web: published port 8080 -> 8081", change: func(s service) { s.Spec.Endpoint.Ports[0].PublishedPort = 8081 }},
		{want: "service web: port 9000:90/udp added", change: func(s service) {
			s.Spec.Endpoint.Ports = append(s.Spec.Endpoint.Ports, &api.PortConfig{Protocol: api.ProtocolUDP, TargetPort: 90, PublishedPort: 9000})
		}},
		{want: "service web: constraint node.role==worker added", change: func(s service) {
			s.Spec.Task.Placement.Constraints = []string{"node.role==worker"}
		}},
		{want: "service web: mount /data added", change: func(s service) {
			container(s).Mounts = []api.Mount{{Source: "data", Target: "/data"}}
		}},
		{want: "service web: forced update", change: func(s service) { s.Spec.Task.ForceUpdate++ }},
		{want: "service web: update started", change: status(api.UpdateStatus_UPDATING)},
		{want: "service web: update completed", before: status(api.UpdateStatus_UPDATING), change: status(api.UpdateStatus_COMPLETED)},
		{want: "service web: rollback started", before: status(api.UpdateStatus_UPDATING), change: status(api.UpdateStatus_ROLLBACK_STARTED)},
		{want: "service web: update rolled back", before: status(api.UpdateStatus_ROLLBACK_STARTED), change: status(api.UpdateStatus_ROLLBACK_COMPLETED)},
		{want: "service web: touched", before: status(api.UpdateStatus_COMPLETED), change: func(s service) { s.Meta.Version.Index++ }},
		{want: "service web: addresses allocated", change: func(s service) { s.Endpoint = &api.Endpoint{Ports: s.Spec.Endpoint.Ports} }},
		{want: "service shop: renamed web -> shop", change: func(s service) { s.Spec.Annotations.Name = "shop" }},
		{want: "service web: to be removed", change: func(s service) { s.PendingDelete = true }},
	})
}

func TestDescribeNamesOtherFields(t *testing.T) {
	type service = *api.Service
	checkSayings(t, webService, []saying[service]{
		{want: "service web: spec.task.container.tty set to true, spec.task.container.hostname set to h", change: func(s service) {
			container(s).Hostname, container(s).TTY = "h", true
		}},
		{want: "service web: spec.task.container.dir added", change: func(s service) { container(s).Dir = strings.Repeat("/long", 20) }},
		{want: "service web: spec.task.container.pullOptions added", change: func(s service) {
			container(s).PullOptions = &api.ContainerSpec_PullOptions{RegistryAuth: "swarmdr-canary"}
		}},
		{want: "service web: replicas 3 -> 4, spec.task.container.args.0 set to a, spec.task.container.args.1 set to b, " +
			"spec.task.container.args.2 set to c, spec.task.container.args.3 set to d, spec.task.container.args.4 set to e, and 2 more fields",
			change: func(s service) {
				container(s).Args = strings.Split("abcdefg", "")
				s.Spec.Mode = &api.ServiceSpec_Replicated{Replicated: &api.ReplicatedService{Replicas: 4}}
			}},
	})
}

func worker() *api.Node {
	return &api.Node{ID: "n2", Description: &api.NodeDescription{Hostname: "m2"}, Status: api.NodeStatus{State: api.NodeStatus_READY, Addr: "10.0.0.2"}}
}

func TestDescribeNode(t *testing.T) {
	type node = *api.Node
	checkSayings(t, worker, []saying[node]{
		{want: "node m2: manager -> worker", before: func(n node) { n.Role = api.NodeRoleManager }, change: func(node) {}},
		{want: "node m2: wanted role worker -> manager", change: func(n node) { n.Spec.DesiredRole = api.NodeRoleManager }},
		{want: "node m2: availability active -> drain", change: func(n node) { n.Spec.Availability = api.NodeAvailabilityDrain }},
		{want: "node m2: down -> ready", before: func(n node) { n.Status.State = api.NodeStatus_DOWN }, change: func(node) {}},
		{want: "node m2: ready -> down (heartbeat failure)", change: func(n node) {
			n.Status.State, n.Status.Message = api.NodeStatus_DOWN, "heartbeat failure"
		}},
		{want: "node m2: address 10.0.0.2 -> 10.0.0.9", change: func(n node) { n.Status.Addr = "10.0.0.9" }},
		{want: "node m2: membership pending -> accepted", change: func(n node) { n.Spec.Membership = api.NodeMembershipAccepted }},
		{want: "node m2: engine 26.1.5 -> 28.5.2",
			before: func(n node) { n.Description.Engine = &api.EngineDescription{EngineVersion: "26.1.5"} },
			change: func(n node) { n.Description.Engine = &api.EngineDescription{EngineVersion: "28.5.2"} }},
		{want: "node m2: host m2, engine 28.5.2", before: func(n node) { n.Description = nil },
			change: func(n node) { n.Description.Engine = &api.EngineDescription{EngineVersion: "28.5.2"} }},
		{want: "node m2: certificate pending -> issued, certificate written",
			before: func(n node) { n.Certificate.Status.State = api.IssuanceStatePending },
			change: func(n node) {
				n.Certificate.Status.State, n.Certificate.Certificate = api.IssuanceStateIssued, []byte("pem")
			}},
		{want: "node m2: attached to network backend", change: func(n node) {
			net := &api.Network{Spec: api.NetworkSpec{Annotations: api.Annotations{Name: "backend"}}}
			n.Attachments = []*api.NetworkAttachment{{Network: net}}
		}},
		{want: "node m2: touched", change: func(n node) { n.Status.Message = "seen" }},
		{want: `node m\u001b[31m2: host name m2 -> m\u001b[31m2`, change: func(n node) { n.Description.Hostname = "m\x1b[31m2" }},
	})
}

func webTask() *api.Task {
	return &api.Task{
		ID: "t1", ServiceID: "s1", ServiceAnnotations: api.Annotations{Name: "web"}, Slot: 2, DesiredState: api.TaskStateRunning,
		Status: api.TaskStatus{State: api.TaskStateRunning, Message: "started"},
		Spec:   api.TaskSpec{Runtime: &api.TaskSpec_Container{Container: &api.ContainerSpec{Image: "nginx:1.27@sha256:1"}}},
	}
}

func TestDescribeTask(t *testing.T) {
	type task = *api.Task
	checkSayings(t, webTask, []saying[task]{
		{want: "task web.2: running -> shutdown", change: func(k task) {
			k.Status = api.TaskStatus{State: api.TaskStateShutdown, Message: "shutdown", Timestamp: &types.Timestamp{Seconds: 5}, AppliedBy: "n1",
				RuntimeStatus: &api.TaskStatus_Container{Container: &api.ContainerStatus{ContainerID: "c", PID: 7}}}
		}},
		{want: "task web.2: running -> failed (task: non-zero exit (137))", change: func(k task) {
			k.Status.State, k.Status.Err = api.TaskStateFailed, "task: non-zero exit (137)"
		}},
		{want: "task web.2: error (still no image)", change: func(k task) { k.Status.Err = "still no image" }},
		{want: "task web.2: error (still no image), wanted running -> shutdown", change: func(k task) {
			k.Status.Err, k.Status.Message, k.DesiredState = "still no image", "retrying", api.TaskStateShutdown
		}},
		{want: "task web.2: new -> pending", before: func(k task) { k.Status.State = api.TaskStateNew },
			change: func(k task) { k.Status.State = api.TaskStatePending }},
		{want: "task web.2: wanted running -> shutdown", change: func(k task) { k.DesiredState = api.TaskStateShutdown }},
		{want: "task web.2: assigned to node n9", change: func(k task) { k.NodeID = "n9" }},
		{want: "task web.2: addresses allocated", change: func(k task) { k.Networks = []*api.NetworkAttachment{{Addresses: []string{"10.0.0.7/24"}}} }},
		{want: "task web.2: touched", change: func(k task) { k.Status.Timestamp = &types.Timestamp{Seconds: 9} }},
	})
}

func defaultCluster() *api.Cluster {
	return &api.Cluster{ID: "c1", Spec: api.ClusterSpec{
		Annotations:   api.Annotations{Name: "default"},
		Orchestration: api.OrchestrationConfig{TaskHistoryRetentionLimit: 5}, Raft: api.RaftConfig{SnapshotInterval: 10000},
	}, RootCA: api.RootCA{CACert: []byte("a"), JoinTokens: api.JoinTokens{Worker: "SWMTKN-w1", Manager: "SWMTKN-m1"}}}
}

func TestDescribeCluster(t *testing.T) {
	type cluster = *api.Cluster
	key := func(text string) []*api.EncryptionKey {
		return []*api.EncryptionKey{{Subsystem: "swarm-manager", Key: []byte(text)}}
	}
	checkSayings(t, defaultCluster, []saying[cluster]{
		{want: "cluster default: autolock on, unlock key made", change: func(c cluster) {
			c.Spec.EncryptionConfig.AutoLockManagers, c.UnlockKeys = true, key("swarmdr-canary-1")
		}},
		{want: "cluster default: autolock off", before: func(c cluster) { c.Spec.EncryptionConfig.AutoLockManagers = true }, change: func(cluster) {}},
		{want: "cluster default: unlock key rotated", before: func(c cluster) { c.UnlockKeys = key("swarmdr-canary-1") },
			change: func(c cluster) { c.UnlockKeys = key("swarmdr-canary-2") }},
		{want: "cluster default: worker join token rotated, manager join token rotated", change: func(c cluster) {
			c.RootCA.JoinTokens = api.JoinTokens{Worker: "SWMTKN-w2", Manager: "SWMTKN-m2"}
		}},
		{want: "cluster default: CA rotation started", change: func(c cluster) { c.RootCA.RootRotation = &api.RootRotation{CAKey: []byte("swarmdr-canary")} }},
		{want: "cluster default: CA key made, CA certificate replaced, CA rotation ended", before: func(c cluster) { c.RootCA.RootRotation = &api.RootRotation{} },
			change: func(c cluster) {
				c.RootCA.CACert, c.RootCA.CAKey, c.RootCA.CACertHash = []byte("b"), []byte("swarmdr-canary"), "h"
			}},
		{want: "cluster default: task history limit 5 -> 3", change: func(c cluster) { c.Spec.Orchestration.TaskHistoryRetentionLimit = 3 }},
		{want: "cluster default: raft snapshot interval 10000 -> 500, old raft snapshots kept 0 -> 2", change: func(c cluster) {
			c.Spec.Raft.SnapshotInterval, c.Spec.Raft.KeepOldSnapshots = 500, 2
		}},
		{want: "cluster default: gossip keys rotated", change: func(c cluster) {
			c.NetworkBootstrapKeys, c.EncryptionKeyLamportClock = key("swarmdr-canary"), 9
		}},
		{want: "cluster default: certificate of n3 revoked", change: func(c cluster) {
			c.BlacklistedCertificates = map[string]*api.BlacklistedCertificate{"n3": {Expiry: &types.Timestamp{Seconds: 1}}}
		}},
	})
}

func TestDescribeOthers(t *testing.T) {
	backend := func() *api.Network {
		return &api.Network{ID: "o1", Spec: api.NetworkSpec{Annotations: api.Annotations{Name: "backend"}, DriverConfig: &api.Driver{Name: "overlay"}}}
	}
	allocated := backend()
	allocated.IPAM = &api.IPAMOptions{Configs: []*api.IPAMConfig{{Subnet: "10.0.1.0/24"}}}
	allocated.DriverState = &api.Driver{Name: "overlay", Options: map[string]string{"vxlan": "4097"}}
	secret := &api.Secret{ID: "x1", Spec: api.SecretSpec{Annotations: api.Annotations{Name: "db-pass"}, Data: []byte("swarmdr-canary")}}
	volume := &api.Volume{ID: "v1", Spec: api.VolumeSpec{Annotations: api.Annotations{Name: "data"}, Driver: &api.Driver{Name: "csi"}}}
	drained := volume.Copy()
	drained.Spec.Availability = api.VolumeAvailabilityDrain
	published := volume.Copy()
	published.PublishStatus = []*api.VolumePublishStatus{{NodeID: "n1", PublishContext: map[string]string{"k": "swarmdr-canary"}}}
	nothing := worker()
	nothing.Description = nil
	tests := []struct {
		want          string
		op            raftlog.Op
		before, after api.StoreObject
	}{
		{"secret db-pass: created", raftlog.Create, nil, secret},
		{"secret db-pass: removed", raftlog.Remove, secret, secret},
		{"network backend: created (overlay)", raftlog.Create, nil, backend()},
		{"network backend: created (overlay, 10.0.1.0/24)", raftlog.Create, nil, allocated},
		{"network backend: allocated 10.0.1.0/24", raftlog.Update, backend(), allocated},
		{"service web: created (nginx:1.27, 3 replicas)", raftlog.Create, nil, webService()},
		{"service web: updated (nginx:1.27, 3 replicas)", raftlog.Update, nil, webService()},
		{"task web.2: created (nginx:1.27, running)", raftlog.Create, nil, webTask()},
		{"task web.2: removed", raftlog.Remove, webTask(), webTask()},
		{"node n2: created (worker)", raftlog.Create, nil, nothing},
		{"volume data: created (csi)", raftlog.Create, nil, volume},
		{"volume data: availability active -> drain", raftlog.Update, volume, drained},
		{"volume data: publication on node n1 added", raftlog.Update, volume, published},
		{"cluster default: touched", raftlog.Update, defaultCluster(), defaultCluster()},
	}
	for _, tt := range tests {
		if got := describe(t, tt.op, tt.before, tt.after); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestDescribeNothing(t *testing.T) {
	for _, op := range []raftlog.Op{raftlog.Create, raftlog.Update, raftlog.Remove} {
		if got := raftlog.Describe(raftlog.Object{}, raftlog.Action{Op: op}); got == "" {
			t.Errorf("%s: nothing said", op)
		}
	}
}

// TestDescribeTaskParts: what a task is made of does not change, and if it does
// it is told all the same.
func TestDescribeTaskParts(t *testing.T) {
	type task = *api.Task
	checkSayings(t, webTask, []saying[task]{
		{want: "task web.2: image nginx:1.27 -> nginx:1.28", change: func(k task) { k.Spec.GetContainer().Image = "nginx:1.28@sha256:1" }},
		{want: "task web.2: spec.container.hostname set to h", change: func(k task) { k.Spec.GetContainer().Hostname = "h" }},
		{want: "task web.2: label tier set to front", change: func(k task) {
			k.ServiceAnnotations.Labels = map[string]string{"tier": "front"}
		}},
		{want: "task web.2: logDriver added", change: func(k task) { k.LogDriver = &api.Driver{Name: "json-file", Options: map[string]string{"a": "b"}} }},
	})
}

func BenchmarkDescribeTask(b *testing.B) {
	before, after := webTask(), webTask()
	for _, k := range []*api.Task{before, after} {
		c := k.Spec.GetContainer()
		for i := range 20 {
			c.Env = append(c.Env, "SETTING="+strings.Repeat("x", 40+i))
		}
		c.Labels = map[string]string{"com.docker.stack.namespace": "shop", "tier": "backend", "team": "payments"}
	}
	after.Status = api.TaskStatus{State: api.TaskStateFailed, Message: "failed", Timestamp: &types.Timestamp{Seconds: 7}, Err: "task: non-zero exit (137)"}
	old, err := raftlog.NewObject(before)
	if err != nil {
		b.Fatal(err)
	}
	recent, err := raftlog.NewObject(after)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if raftlog.Describe(old, raftlog.Action{Op: raftlog.Update, Object: recent}) == "" {
			b.Fatal("nothing said")
		}
	}
}
