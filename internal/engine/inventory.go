package engine

import (
	"context"
	"slices"

	"github.com/moby/moby/client"
)

// Inventory is the ids of what the swarm holds, each list sorted, none twice.
type Inventory struct {
	Services []string
	// Networks are those of scope swarm. Raft holds two more, predefined
	// ones for bridge and host, that the API leaves out.
	Networks []string
	Secrets  []string
	Configs  []string
	Nodes    []string
}

// Inventory asks what the swarm holds, to compare it with a replayed state.
// The lists are read one after another, not at one moment. It needs a leader.
func (c *Client) Inventory(ctx context.Context) (Inventory, error) {
	var inv Inventory
	for _, l := range []struct {
		verb string
		into *[]string
		read func(context.Context) ([]string, error)
	}{
		{"list services", &inv.Services, c.services},
		{"list networks", &inv.Networks, c.networks},
		{"list secrets", &inv.Secrets, c.secrets},
		{"list configs", &inv.Configs, c.configs},
		{"list nodes", &inv.Nodes, c.nodeIDs},
	} {
		err := c.call(ctx, l.verb, callLimit, func(ctx context.Context) (err error) {
			*l.into, err = l.read(ctx)
			return err
		})
		if err != nil {
			return Inventory{}, err
		}
		slices.Sort(*l.into)
		*l.into = slices.Compact(*l.into)
	}
	return inv, nil
}

func (c *Client) services(ctx context.Context) (ids []string, _ error) {
	r, err := c.api.ServiceList(ctx, client.ServiceListOptions{})
	for _, s := range r.Items {
		ids = append(ids, s.ID)
	}
	return ids, err
}

func (c *Client) networks(ctx context.Context) (ids []string, _ error) {
	r, err := c.api.NetworkList(ctx, client.NetworkListOptions{
		Filters: make(client.Filters).Add("scope", "swarm"),
	})
	for _, n := range r.Items {
		ids = append(ids, n.ID)
	}
	return ids, err
}

func (c *Client) secrets(ctx context.Context) (ids []string, _ error) {
	r, err := c.api.SecretList(ctx, client.SecretListOptions{})
	for _, s := range r.Items {
		ids = append(ids, s.ID)
	}
	return ids, err
}

func (c *Client) configs(ctx context.Context) (ids []string, _ error) {
	r, err := c.api.ConfigList(ctx, client.ConfigListOptions{})
	for _, s := range r.Items {
		ids = append(ids, s.ID)
	}
	return ids, err
}

func (c *Client) nodeIDs(ctx context.Context) (ids []string, _ error) {
	r, err := c.api.NodeList(ctx, client.NodeListOptions{})
	for _, n := range r.Items {
		ids = append(ids, n.ID)
	}
	return ids, err
}
