package wire_test

import (
	"fmt"
	"testing"

	"github.com/gogo/protobuf/types"
	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

func driver(name string) *api.Driver {
	return &api.Driver{Name: name, Options: map[string]string{"com.docker.network.driver.overlay.vxlanid_list": "4097"}}
}

func overlay() *api.NetworkAttachment {
	ipam := &api.IPAMOptions{
		Driver:  &api.Driver{Name: "default"},
		Configs: []*api.IPAMConfig{{Subnet: "10.0.1.0/24", Gateway: "10.0.1.1"}},
	}
	return &api.NetworkAttachment{
		Network: &api.Network{
			ID:          "u1xqkq0n7h1v3dv0gcc9n6b3q",
			Meta:        api.Meta{Version: api.Version{Index: 1312}, CreatedAt: &types.Timestamp{Seconds: 1.78e9, Nanos: 1}},
			Spec:        api.NetworkSpec{Annotations: api.Annotations{Name: "shop_backend", Labels: map[string]string{"com.docker.stack.namespace": "shop"}}},
			DriverState: driver("overlay"), IPAM: ipam,
		},
		Addresses: []string{"10.0.1.17/24"},
	}
}

func container() *api.ContainerSpec {
	c := &api.ContainerSpec{
		Image:  "registry.example.com/shop/web:1.27.3@sha256:0d17b565c37bcbd895e9d92315a05c1c3c9a29f762b011a10c54a66cd53c9b31",
		Labels: map[string]string{"com.docker.stack.namespace": "shop", "com.example.team": "storefront"},
		Args:   []string{"serve", "--listen", ":8080"},
		Mounts: []api.Mount{
			{Type: api.MountTypeVolume, Source: "shop_data", Target: "/var/lib/shop"},
			{Type: api.MountTypeBind, Source: "/etc/localtime", Target: "/etc/localtime", ReadOnly: true},
		},
		StopGracePeriod: &types.Duration{Seconds: 10},
		PullOptions:     &api.ContainerSpec_PullOptions{RegistryAuth: "swarmdr-canary-registry-auth"},
		Healthcheck:     &api.HealthConfig{Test: []string{"CMD", "curl", "-f", "http://localhost:8080/health"}, Interval: &types.Duration{Seconds: 30}},
	}
	for i := range 20 {
		c.Env = append(c.Env, fmt.Sprintf("SHOP_SETTING_%02d=a value of some %d letters", i, i))
	}
	for _, name := range []string{"shop_db_password", "shop_api_key"} {
		c.Secrets = append(c.Secrets, &api.SecretReference{
			SecretID: "w9ig2cvmxo1ux2ixm5s1qxz7t", SecretName: name,
			Target: &api.SecretReference_File{File: &api.FileTarget{Name: name, UID: "0", GID: "0", Mode: 0o444}},
		})
	}
	return c
}

// task is as engines write one, of about 2.4 KB.
func task() *api.Task {
	notes := api.Annotations{Name: "shop_web", Labels: map[string]string{"com.docker.stack.image": "shop/web:1.27.3", "com.docker.stack.namespace": "shop"}}
	return &api.Task{
		ID:   "rmvt2x1jxqfzkfqrdbqz6s4a1",
		Meta: api.Meta{Version: api.Version{Index: 48213}, CreatedAt: &types.Timestamp{Seconds: 1780000000, Nanos: 123456789}, UpdatedAt: &types.Timestamp{Seconds: 1780000100, Nanos: 987654321}},
		Spec: api.TaskSpec{
			Runtime:   &api.TaskSpec_Container{Container: container()},
			Resources: &api.ResourceRequirements{Limits: &api.Resources{NanoCPUs: 2e9, MemoryBytes: 1 << 30}},
			Restart:   &api.RestartPolicy{Condition: api.RestartOnAny, Delay: &types.Duration{Seconds: 5}},
			Placement: &api.Placement{Constraints: []string{"node.labels.zone==a"}, Platforms: []*api.Platform{{Architecture: "amd64", OS: "linux"}}},
			Networks:  []*api.NetworkAttachmentConfig{{Target: "u1xqkq0n7h1v3dv0gcc9n6b3q", Aliases: []string{"web"}}},
		},
		SpecVersion: &api.Version{Index: 47110}, ServiceID: "n9w0jx1yvq2k8h9c4m1u5b7d2", Slot: 3, NodeID: "x7g2b9k4m1v8c3z6q5w0e2r4t",
		ServiceAnnotations: notes,
		Status: api.TaskStatus{
			Timestamp: &types.Timestamp{Seconds: 1780000099, Nanos: 5e8}, State: api.TaskStateRunning, Message: "started",
			RuntimeStatus: &api.TaskStatus_Container{Container: &api.ContainerStatus{
				ContainerID: "4f66ad9f5ca2d8d1a1cf1b2b56b4f2f9f4dbbd4bd6a0a2d0a8b1d0e3e9c1f7aa", PID: 31337,
			}},
			PortStatus: &api.PortStatus{}, AppliedBy: "x7g2b9k4m1v8c3z6q5w0e2r4t", AppliedAt: &types.Timestamp{Seconds: 1780000099, Nanos: 6e8},
		},
		DesiredState: api.TaskStateRunning,
		Networks:     []*api.NetworkAttachment{overlay()},
		Endpoint:     &api.Endpoint{Spec: &api.EndpointSpec{}, VirtualIPs: []*api.Endpoint_VirtualIP{{NetworkID: "u1xqkq0n7h1v3dv0gcc9n6b3q", Addr: "10.0.1.2/24"}}},
	}
}

// later is the task a moment later.
func later() *api.Task {
	t := task()
	t.Meta.Version.Index++
	t.Meta.UpdatedAt.Seconds += 7
	t.Status.Timestamp.Seconds += 7
	t.Status.AppliedAt.Seconds += 7
	t.Status.State, t.Status.Message = api.TaskStateFailed, "exited"
	return t
}

func BenchmarkCheck(b *testing.B) {
	raw, shape := marshal(b, task()), wire.Type("Task")
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if newer, err := shape.Check(raw); newer || err != nil {
			b.Fatal(newer, err)
		}
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	raw := marshal(b, task())
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		var m api.Task
		if err := m.Unmarshal(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	for name, reveal := range map[string]bool{"redacted": false, "revealed": true} {
		b.Run(name, func(b *testing.B) {
			raw, shape := marshal(b, task()), wire.Type("Task")
			var text []byte
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if text, err = shape.AppendJSON(text[:0], raw, reveal); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkBytes(b *testing.B) {
	raw := marshal(b, task())
	b.ReportAllocs()
	for b.Loop() {
		if len(wire.Bytes(raw, 3, 1, 1)) == 0 {
			b.Fatal("no image")
		}
	}
}

func BenchmarkChanges(b *testing.B) {
	before, after, shape := marshal(b, task()), marshal(b, later()), wire.Type("Task")
	b.SetBytes(int64(len(before) + len(after)))
	b.ReportAllocs()
	for b.Loop() {
		changes, err := shape.Changes(before, after, false)
		if len(changes) != 6 || err != nil {
			b.Fatal(changes, err)
		}
	}
}
