package lab

import (
	"os"
	"slices"
	"strings"
)

// processes are all that run in the lab. A process does if it carries the lab's
// mark, stands in one of its network namespaces (a shell that somebody opened
// with Exec) or in one of its cgroups (a container that lost its shim), or
// descends from one of these.
func (l *Lab) processes() []process {
	all := processes()
	inside := l.members(all)
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if !inside[p.pid] && inside[p.parent] {
				inside[p.pid], grown = true, true
			}
		}
	}
	return slices.DeleteFunc(all, func(p process) bool { return !inside[p.pid] || p.pid == os.Getpid() })
}

func (l *Lab) members(all []process) map[int]bool {
	namespaces := l.netNamespaces()
	inside := map[int]bool{}
	for _, p := range all {
		inside[p.pid] = p.lab == l.dir || slices.Contains(namespaces, p.net) ||
			strings.Contains(p.cgroups, l.cgroupPrefix())
	}
	return inside
}

// netNamespaces are the namespaces that are mounted below the lab's directory:
// those of its nodes and of their containers. Ones of another kind than network
// are among them and equal no process's network namespace.
func (l *Lab) netNamespaces() []nsID {
	mounts, err := mountsBelow(l.dir)
	if err != nil {
		return nil
	}
	var ids []nsID
	for _, m := range mounts {
		if m.fsType == "nsfs" {
			ids = append(ids, namespaceID(m.point))
		}
	}
	return ids
}
