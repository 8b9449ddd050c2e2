package lab

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Partition cuts the links between name and each of the others, or between
// name and everybody when no other is named. Packets vanish without an answer,
// as when a cable is pulled, in connections that exist and in new ones alike.
//
// It works by giving each side a permanent neighbour entry for the other with
// a hardware address that nobody has. A blackhole route, the other way without
// a firewall, would be no silence: the kernel answers EINVAL to the sender.
func (l *Lab) Partition(name string, others ...string) error {
	n, err := l.Node(name)
	if err != nil {
		return err
	}
	peers, err := l.named(others)
	if err != nil {
		return err
	}
	if len(peers) == 0 {
		peers = l.Nodes()
	}
	return eachPair([]*Node{n}, peers, (*Node).cut)
}

// Heal mends all cut links of the named nodes, or of all.
func (l *Lab) Heal(names ...string) error {
	nodes, err := l.named(names)
	if err != nil {
		return err
	}
	if len(nodes) == 0 {
		nodes = l.Nodes()
	}
	return eachPair(nodes, l.Nodes(), (*Node).mend)
}

func eachPair(from, to []*Node, f func(n, peer *Node) error) error {
	for _, n := range from {
		for _, peer := range to {
			if n == peer {
				continue
			}
			if err := errors.Join(f(n, peer), f(peer, n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// cut drops what n sends to peer.
func (n *Node) cut(peer *Node) error {
	return n.neighbour(peer, "cut", (*netlink.Handle).NeighSet)
}

func (n *Node) mend(peer *Node) error {
	return n.neighbour(peer, "mend", func(h *netlink.Handle, entry *netlink.Neigh) error {
		cut, err := isCut(h, entry)
		if err != nil || !cut {
			return err
		}
		return h.NeighDel(entry)
	})
}

func isCut(h *netlink.Handle, entry *netlink.Neigh) (bool, error) {
	all, err := h.NeighList(entry.LinkIndex, unix.AF_INET)
	if err != nil {
		return false, err
	}
	for _, e := range all {
		if e.IP.Equal(entry.IP) && e.State == netlink.NUD_PERMANENT {
			return true, nil
		}
	}
	return false, nil
}

func (n *Node) neighbour(peer *Node, verb string, do func(*netlink.Handle, *netlink.Neigh) error) error {
	return at(n.NetNS(), func(h *netlink.Handle, _ netns.NsHandle) error {
		link, err := h.LinkByName(nodeLink)
		if err != nil {
			return fmt.Errorf("find link of %s: %w", n.Name, err)
		}
		entry := &netlink.Neigh{
			LinkIndex: link.Attrs().Index, Family: unix.AF_INET,
			State: netlink.NUD_PERMANENT, IP: peer.Address.AsSlice(),
			HardwareAddr: net.HardwareAddr{0x02, 0, 0, 0, 0, 0x01},
		}
		if err := do(h, entry); err != nil {
			return fmt.Errorf("%s link %s-%s: %w", verb, n.Name, peer.Name, err)
		}
		return nil
	})
}
