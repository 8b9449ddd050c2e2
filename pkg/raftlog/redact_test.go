package raftlog

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gogo/protobuf/types"
	"github.com/moby/swarmkit/v2/api"
)

// canaries hands out secrets that are easy to find again in any form.
type canaries struct{ all []string }

func (c *canaries) text() string {
	word := fmt.Sprintf("canary-%03d-canary", len(c.all))
	c.all = append(c.all, word)
	return word
}

func (c *canaries) bytes() []byte { return []byte(c.text()) }

func (c *canaries) options() *api.Driver {
	return &api.Driver{Name: "driver", Options: map[string]string{"opt": c.text()}}
}

func (c *canaries) cluster() *api.Cluster {
	policies := []*api.AcceptancePolicy_RoleAdmissionPolicy{{
		Secret: &api.AcceptancePolicy_RoleAdmissionPolicy_Secret{Data: c.bytes()},
	}}
	return &api.Cluster{
		ID: "c",
		Spec: api.ClusterSpec{
			AcceptancePolicy: api.AcceptancePolicy{Policies: policies},
			CAConfig: api.CAConfig{
				SigningCAKey: c.bytes(), SigningCACert: []byte("shown-cert"),
				ExternalCAs: []*api.ExternalCA{{URL: "u", Options: map[string]string{"token": c.text()}}},
			},
			TaskDefaults: api.TaskDefaults{LogDriver: c.options()},
		},
		RootCA: api.RootCA{
			CAKey:        c.bytes(),
			JoinTokens:   api.JoinTokens{Worker: c.text(), Manager: c.text()},
			RootRotation: &api.RootRotation{CAKey: c.bytes()},
		},
		NetworkBootstrapKeys: []*api.EncryptionKey{{Subsystem: "shown", Key: c.bytes()}, {Key: c.bytes()}},
		UnlockKeys:           []*api.EncryptionKey{{Key: c.bytes()}},
	}
}

func (c *canaries) container() api.TaskSpec {
	return api.TaskSpec{
		LogDriver: c.options(),
		Runtime: &api.TaskSpec_Container{Container: &api.ContainerSpec{
			Image: "shown-image", Labels: map[string]string{"data": "shown-label", "env": "shown"},
			Env:         []string{"NAME=" + c.text(), "EMPTY=", "A=b=" + c.text(), c.text()},
			PullOptions: &api.ContainerSpec_PullOptions{RegistryAuth: c.text()},
			Mounts:      []api.Mount{{VolumeOptions: &api.Mount_VolumeOptions{DriverConfig: c.options()}}},
		}},
	}
}

func (c *canaries) plugin() api.TaskSpec {
	return api.TaskSpec{Runtime: &api.TaskSpec_Generic{Generic: &api.GenericRuntimeSpec{
		Kind: "plugin", Payload: &types.Any{TypeUrl: "types.docker.com/RuntimePlugin", Value: c.bytes()},
	}}}
}

func (c *canaries) objects() []api.StoreObject {
	attachment := &api.NetworkAttachment{Network: &api.Network{
		Spec:  api.NetworkSpec{Annotations: api.Annotations{Name: "shown-net"}},
		Extra: &types.Any{TypeUrl: "x", Value: c.bytes()},
	}}
	return []api.StoreObject{
		c.cluster(),
		&api.Secret{ID: "s", Spec: api.SecretSpec{Data: c.bytes(), Driver: c.options(), Templating: c.options()}},
		&api.Config{ID: "g", Spec: api.ConfigSpec{Data: c.bytes()}},
		&api.Service{ID: "v", Spec: api.ServiceSpec{Task: c.container()}, PreviousSpec: &api.ServiceSpec{Task: c.container()}},
		&api.Service{ID: "p", Spec: api.ServiceSpec{Task: c.plugin()}},
		&api.Task{ID: "t", Spec: c.container(), LogDriver: c.options(), Networks: []*api.NetworkAttachment{attachment}},
		&api.Resource{ID: "r", Payload: &types.Any{TypeUrl: "type.googleapis.com/docker.swarmkit.v1.Secret", Value: c.bytes()}},
		&api.Extension{ID: "e", Description: "shown"},
		&api.Node{ID: "n", Description: &api.NodeDescription{Hostname: "shown-host"}, Role: api.NodeRoleManager},
		&api.Network{ID: "w", DriverState: &api.Driver{Options: map[string]string{"vxlanid_list": "shown-4097"}}},
		&api.Volume{
			ID: "vol", Spec: api.VolumeSpec{Driver: c.options(), AccessMode: &api.VolumeAccessMode{
				AccessType: &api.VolumeAccessMode_Mount{Mount: &api.VolumeAccessMode_MountVolume{MountFlags: []string{c.text()}}},
			}},
			VolumeInfo:    &api.VolumeInfo{VolumeContext: map[string]string{"k": c.text()}},
			PublishStatus: []*api.VolumePublishStatus{{PublishContext: map[string]string{"k": c.text()}}},
		},
	}
}

// forms are the ways a secret may look in a text.
func forms(secret string) []string {
	var numbers []string
	for _, b := range []byte(secret) {
		numbers = append(numbers, fmt.Sprint(b))
	}
	return []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), strings.Join(numbers, " ")}
}

func contains(text, secret string) bool {
	for _, form := range forms(secret) {
		if strings.Contains(text, form) {
			return true
		}
	}
	return false
}

func TestSecretsAreRedacted(t *testing.T) {
	c := &canaries{}
	var hidden, revealed string
	for _, value := range c.objects() {
		o, err := NewObject(value)
		if err != nil {
			t.Fatal(err)
		}
		js, err := o.JSON(false)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(js)
		hidden += string(text)
		js, err = o.JSON(true)
		if err != nil {
			t.Fatal(err)
		}
		text, _ = json.Marshal(js)
		revealed += string(text)
		text, err = json.Marshal(Entry{Actions: []Action{{Op: Create, Object: o}}})
		if err != nil {
			t.Fatal(err)
		}
		hidden += string(text)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			hidden += fmt.Sprintf(verb, o) + fmt.Sprintf(verb, &o) + fmt.Sprintf(verb, Entry{Actions: []Action{{Object: o}}})
		}
	}
	if len(c.all) < 30 {
		t.Fatalf("only %d canaries", len(c.all))
	}
	for _, secret := range c.all {
		if contains(hidden, secret) {
			t.Errorf("%s is shown", secret)
		}
		if !contains(revealed, secret) {
			t.Errorf("%s is not revealed", secret)
		}
	}
	for _, want := range []string{
		"shown-image", "shown-label", `"NAME=(redacted)"`, `"EMPTY=(redacted)"`, `"A=(redacted)"`, "shown-host", `"MANAGER"`,
		"shown-net", "shown-4097",
	} {
		if !strings.Contains(hidden, want) {
			t.Errorf("%s is not shown", want)
		}
	}
}
