package e2e

import (
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

func (f *fixture) nodes(node string) []swarm.Node {
	f.Helper()
	r, err := f.client(node).NodeList(f.Context(), client.NodeListOptions{})
	if err != nil {
		f.Fatal(err)
	}
	return r.Items
}

// addAddress gives the host one more address on its interface in the lab.
func (f *fixture) addAddress(node, cidr string) {
	f.Helper()
	handle, err := netns.GetFromPath(f.node(node).NetNS())
	if err != nil {
		f.Fatal(err)
	}
	defer handle.Close()
	h, err := netlink.NewHandleAt(handle)
	if err != nil {
		f.Fatal(err)
	}
	defer h.Close()
	link, err := h.LinkByName("eth0")
	if err != nil {
		f.Fatal(err)
	}
	addr, err := netlink.ParseAddr(cidr)
	if err != nil {
		f.Fatal(err)
	}
	if err := h.AddrAdd(link, addr); err != nil {
		f.Fatal(err)
	}
}
