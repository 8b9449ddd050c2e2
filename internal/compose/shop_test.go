package compose_test

import (
	"time"

	"github.com/gogo/protobuf/types"
	"github.com/moby/swarmkit/v2/api"
	"github.com/swarmdr/swarmdr/internal/compose"
)

// canary is in every value that may not be shown.
const canary = "swarmdr-canary-"

func notes(name string, labels ...string) api.Annotations {
	a := api.Annotations{Name: name}
	for i := 0; i < len(labels); i += 2 {
		if a.Labels == nil {
			a.Labels = map[string]string{}
		}
		a.Labels[labels[i]] = labels[i+1]
	}
	return a
}

const stackLabel = "com.docker.stack.namespace"

// shop is a swarm with a stack of that name, and what belongs to no stack.
func shop() compose.Swarm {
	return compose.Swarm{
		Services: []*api.Service{
			{ID: "s1", Spec: shopWeb()},
			{ID: "s2", Spec: shopJob()},
			{ID: "s3", Spec: lone()},
			{ID: "s4", Spec: api.ServiceSpec{
				Annotations: notes("plugin", stackLabel, "shop"),
				Task:        api.TaskSpec{Runtime: &api.TaskSpec_Generic{Generic: &api.GenericRuntimeSpec{Kind: "plugin"}}},
			}},
		},
		Networks: []*api.Network{
			{ID: "n1", Spec: api.NetworkSpec{
				Annotations:  notes("shop_default", stackLabel, "shop", "tier", "back"),
				DriverConfig: &api.Driver{Name: "overlay", Options: map[string]string{"encrypted": ""}},
				IPAM:         &api.IPAMOptions{Configs: []*api.IPAMConfig{{Subnet: "10.7.0.0/24", Gateway: "10.7.0.9"}}},
			}},
			{ID: "n2", Spec: api.NetworkSpec{
				Annotations: notes("proxy", "team", "a b"), Attachable: true, Ipv6Enabled: true,
				DriverConfig: &api.Driver{Name: "overlay"},
				IPAM: &api.IPAMOptions{
					Driver:  &api.Driver{Name: "default", Options: map[string]string{"token": canary + "ipam"}},
					Configs: []*api.IPAMConfig{{Subnet: "10.8.0.0/16", Range: "10.8.1.0/24"}},
				},
			}},
			{ID: "n3", Spec: api.NetworkSpec{Annotations: notes("host", "com.docker.swarm.predefined", "true")}},
			{ID: "n4", Spec: api.NetworkSpec{Annotations: notes("shop_spare", stackLabel, "shop")}},
		},
		Secrets: []*api.Secret{
			{ID: "k1", Spec: api.SecretSpec{Annotations: notes("shop_password", stackLabel, "shop"), Data: []byte(canary + "secret\x00\xff")}},
			{ID: "k2", Spec: api.SecretSpec{Annotations: notes("shared", "a", "b"), Data: []byte(canary + "shared")}},
			{ID: "k3", Spec: api.SecretSpec{
				Annotations: notes("shop_vault", stackLabel, "shop"),
				Driver:      &api.Driver{Name: "vault", Options: map[string]string{"token": canary + "driver"}},
			}},
		},
		Configs: []*api.Config{
			{ID: "c1", Spec: api.ConfigSpec{
				Annotations: notes("shop_page-v3", stackLabel, "shop"), Data: []byte(canary + "config"),
				Templating: &api.Driver{Name: "golang"},
			}},
			{ID: "c2", Spec: api.ConfigSpec{Annotations: notes("lone-config"), Data: []byte(canary + "lone")}},
		},
	}
}

func shopWeb() api.ServiceSpec {
	return api.ServiceSpec{
		Annotations: notes("shop_web", stackLabel, "shop", "com.docker.stack.image", "web:1", "rule", "Host(`a.example`) && $x"),
		Task: api.TaskSpec{
			Runtime: &api.TaskSpec_Container{Container: &api.ContainerSpec{
				Image:   "web:1@sha256:0123456789012345678901234567890123456789012345678901234567890123",
				Labels:  map[string]string{stackLabel: "shop", "on": "yes"},
				Command: []string{"/web"}, Args: []string{"-c", "echo $HOME", "", "0x10"},
				Env:   []string{"PASSWORD=" + canary + "env", "PATH=" + canary + "$path", "EMPTY=", canary + "bare"},
				User:  "1000:1000",
				Hosts: []string{"10.1.2.3 db db.local", "::1 six"},
				Mounts: []api.Mount{
					{Type: api.MountTypeVolume, Source: "shop_data", Target: "/data", VolumeOptions: &api.Mount_VolumeOptions{
						Labels:       map[string]string{stackLabel: "shop"},
						DriverConfig: &api.Driver{Name: "nfs", Options: map[string]string{"o": canary + "volume"}},
					}},
					{Type: api.MountTypeVolume, Source: "{{.Service.Name}}-cache", Target: "/cache"},
					{Type: api.MountTypeTmpfs, Target: "/run", TmpfsOptions: &api.Mount_TmpfsOptions{SizeBytes: 1 << 20, Mode: 0o700}},
				},
				PullOptions: &api.ContainerSpec_PullOptions{RegistryAuth: canary + "registry"},
				Privileges:  &api.Privileges{},
				Secrets: []*api.SecretReference{
					{SecretID: "k1", SecretName: "shop_password", Target: &api.SecretReference_File{File: &api.FileTarget{Name: "password", UID: "0", GID: "0", Mode: 0o440}}},
					{SecretID: "k2", SecretName: "shared", Target: &api.SecretReference_File{File: &api.FileTarget{Name: "/etc/shared", UID: "33", GID: "0", Mode: 0o444}}},
				},
				Configs: []*api.ConfigReference{
					{ConfigID: "c1", ConfigName: "shop_page-v3", Target: &api.ConfigReference_File{File: &api.FileTarget{Name: "/page", UID: "0", GID: "0", Mode: 0o444}}},
				},
			}},
			Resources: &api.ResourceRequirements{Limits: &api.Resources{NanoCPUs: 15e8, MemoryBytes: 64 << 20}},
			Placement: &api.Placement{Platforms: []*api.Platform{{OS: "linux"}}},
			LogDriver: &api.Driver{Name: "syslog", Options: map[string]string{"syslog-address": canary + "log"}},
			Networks: []*api.NetworkAttachmentConfig{
				{Target: "n1", Aliases: []string{"www", "web"}},
				{Target: "n2", Aliases: []string{"web"}},
			},
			ForceUpdate: 3,
		},
		Mode:   &api.ServiceSpec_Replicated{Replicated: &api.ReplicatedService{Replicas: 0}},
		Update: &api.UpdateConfig{Delay: 90 * time.Second, FailureAction: api.UpdateConfig_ROLLBACK, MaxFailureRatio: 0.3},
		Endpoint: &api.EndpointSpec{Ports: []*api.PortConfig{
			{TargetPort: 80, PublishedPort: 8080, PublishMode: api.PublishModeHost},
		}},
	}
}

func shopJob() api.ServiceSpec {
	return api.ServiceSpec{
		Annotations: notes("shop_job", stackLabel, "shop"),
		Task: api.TaskSpec{
			Runtime: &api.TaskSpec_Container{Container: &api.ContainerSpec{
				Image:           "job",
				StopGracePeriod: types.DurationProto(0),
				Init:            &types.BoolValue{},
				Healthcheck:     &api.HealthConfig{Test: []string{"NONE"}},
			}},
			Networks: []*api.NetworkAttachmentConfig{{Target: "n3"}},
			Restart:  &api.RestartPolicy{Condition: api.RestartOnFailure, Delay: types.DurationProto(1500 * time.Millisecond)},
		},
		Mode: &api.ServiceSpec_ReplicatedJob{ReplicatedJob: &api.ReplicatedJob{MaxConcurrent: 2, TotalCompletions: 10}},
	}
}

// lone is a service that docker service create made.
func lone() api.ServiceSpec {
	return api.ServiceSpec{
		Annotations: notes("lone"),
		Task: api.TaskSpec{Runtime: &api.TaskSpec_Container{Container: &api.ContainerSpec{
			Image: "lone",
			Configs: []*api.ConfigReference{
				{ConfigID: "c2", ConfigName: "lone-config", Target: &api.ConfigReference_File{File: &api.FileTarget{Name: "lone-config", UID: "0", GID: "0", Mode: 0o444}}},
				{ConfigID: "gone", ConfigName: "gone", Target: &api.ConfigReference_File{File: &api.FileTarget{Name: "gone", UID: "0", GID: "0", Mode: 0o444}}},
			},
		}}},
		Mode: &api.ServiceSpec_Global{Global: &api.GlobalService{}},
	}
}
