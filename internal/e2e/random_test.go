package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

// randomChange makes one change through the API.
func (f *fixture) randomChange(r *rand.Rand, name string) {
	f.Helper()
	c, ctx := f.client("m1"), f.Context()
	defer c.Close()
	labels := map[string]string{"n": fmt.Sprint(r.IntN(100)), "com.docker.stack.namespace": "shop"}
	notes := swarm.Annotations{Name: "x" + name, Labels: labels}
	var err error
	switch r.IntN(7) {
	case 0, 1:
		_, err = c.SecretCreate(ctx, client.SecretCreateOptions{Spec: swarm.SecretSpec{Annotations: notes, Data: []byte(canary + name)}})
	case 2:
		_, err = c.ConfigCreate(ctx, client.ConfigCreateOptions{Spec: swarm.ConfigSpec{Annotations: notes, Data: []byte(name)}})
	case 3:
		_, err = c.NetworkCreate(ctx, "x"+name, client.NetworkCreateOptions{Driver: "overlay", Attachable: r.IntN(2) == 0, Labels: labels})
	case 4:
		f.randomService(c, r, notes)
	case 5:
		f.randomRemoval(c, r)
	default:
		f.labelNode(c, labels)
	}
	f.check(err)
}

// randomService changes the service there is, or makes it.
func (f *fixture) randomService(c *client.Client, r *rand.Rand, notes swarm.Annotations) {
	f.Helper()
	replicas := uint64(r.IntN(3))
	f.eventually("the service is updated", func() bool {
		services, err := c.ServiceList(f.Context(), client.ServiceListOptions{})
		f.check(err)
		spec := webSpec(replicas)
		spec.Name, spec.Labels = "shop", notes.Labels
		spec.TaskTemplate.ContainerSpec.Env = append(spec.TaskTemplate.ContainerSpec.Env, "N="+notes.Name)
		at := slices.IndexFunc(services.Items, func(s swarm.Service) bool { return s.Spec.Name == spec.Name })
		if at < 0 {
			_, err = c.ServiceCreate(f.Context(), client.ServiceCreateOptions{Spec: spec})
			f.check(err)
			return true
		}
		s := services.Items[at]
		_, err = c.ServiceUpdate(f.Context(), s.ID, client.ServiceUpdateOptions{Version: s.Version, Spec: spec})
		return err == nil
	})
}

func (f *fixture) randomRemoval(c *client.Client, r *rand.Rand) {
	f.Helper()
	secrets, err := c.SecretList(f.Context(), client.SecretListOptions{})
	f.check(err)
	if len(secrets.Items) > 0 {
		_, err = c.SecretRemove(f.Context(), secrets.Items[r.IntN(len(secrets.Items))].ID, client.SecretRemoveOptions{})
		f.check(err)
	}
}

func (f *fixture) labelNode(c *client.Client, labels map[string]string) {
	f.Helper()
	f.eventually("the node is labelled", func() bool {
		nodes, err := c.NodeList(f.Context(), client.NodeListOptions{})
		f.check(err)
		n := nodes.Items[0]
		n.Spec.Labels = labels
		_, err = c.NodeUpdate(f.Context(), n.ID, client.NodeUpdateOptions{Version: n.Version, Spec: n.Spec})
		return err == nil
	})
}
