package lab

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

const (
	bridgeLink = "br0"
	nodeLink   = "eth0"
)

// at opens a netlink socket in the network namespace mounted on path.
func at(path string, f func(h *netlink.Handle, ns netns.NsHandle) error) error {
	file, err := openNamespace(path)
	if err != nil {
		return fmt.Errorf("open network namespace: %w", err)
	}
	defer file.Close()
	ns := netns.NsHandle(file.Fd())
	h, err := netlink.NewHandleAt(ns)
	if err != nil {
		return fmt.Errorf("open netlink in %s: %w", path, err)
	}
	defer h.Close()
	return f(h, ns)
}

// makeBridge makes the bridge and the namespace it stands in.
func (l *Lab) makeBridge() error {
	if err := makeNetNS(l.bridgePath()); err != nil {
		return err
	}
	return at(l.bridgePath(), func(h *netlink.Handle, _ netns.NsHandle) error {
		link := &netlink.Bridge{LinkAttrs: attrs(bridgeLink)}
		if err := h.LinkAdd(link); err != nil {
			return fmt.Errorf("create bridge: %w", err)
		}
		return setUp(h, bridgeLink, "lo")
	})
}

// wire joins the node's namespace to the bridge and gives it its address.
func (n *Node) wire() error {
	return at(n.NetNS(), func(h *netlink.Handle, ns netns.NsHandle) error {
		if err := n.lab.addPort(n.Name, ns); err != nil {
			return fmt.Errorf("wire %s: %w", n.Name, err)
		}
		if err := n.address(h); err != nil {
			return fmt.Errorf("address %s: %w", n.Name, err)
		}
		return setUp(h, nodeLink, "lo")
	})
}

// addPort makes a veth pair: one end on the bridge, the other in peer.
func (l *Lab) addPort(name string, peer netns.NsHandle) error {
	return at(l.bridgePath(), func(h *netlink.Handle, _ netns.NsHandle) error {
		bridge, err := h.LinkByName(bridgeLink)
		if err != nil {
			return err
		}
		port := &netlink.Veth{LinkAttrs: attrs(name), PeerName: nodeLink, PeerNamespace: netlink.NsFd(peer)}
		port.MasterIndex = bridge.Attrs().Index
		if err := h.LinkAdd(port); err != nil {
			return err
		}
		return setUp(h, name)
	})
}

func (n *Node) address(h *netlink.Handle) error {
	link, err := h.LinkByName(nodeLink)
	if err != nil {
		return err
	}
	subnet, err := netip.ParsePrefix(n.lab.state.Subnet)
	if err != nil {
		return err
	}
	ip := net.IPNet{IP: n.Address.AsSlice(), Mask: net.CIDRMask(subnet.Bits(), 32)}
	return h.AddrAdd(link, &netlink.Addr{IPNet: &ip})
}

func attrs(name string) netlink.LinkAttrs {
	a := netlink.NewLinkAttrs()
	a.Name = name
	return a
}

func setUp(h *netlink.Handle, names ...string) error {
	for _, name := range names {
		link, err := h.LinkByName(name)
		if err != nil {
			return fmt.Errorf("find link %s: %w", name, err)
		}
		if err := h.LinkSetUp(link); err != nil {
			return fmt.Errorf("set link %s up: %w", name, err)
		}
	}
	return nil
}
