// Package lab makes real swarms on one machine, to try swarmdr on and to test
// it with: each node is a real dockerd with a containerd, a data root, a
// network namespace and a UTS namespace of its own, wired by a veth pair to a
// bridge that stands in a namespace of its own. Nothing leaves those
// namespaces; the Docker API of a node is a unix socket.
//
// Up makes a lab, Load opens one that is there, and Down removes it without a
// trace, whatever became of the process that made it. A lab is its directory:
//
//	DIR/lab.json       what there is; written before anything is made
//	DIR/unlock.key     the unlock key, mode 0600, with autolock only
//	DIR/bridge         the bridge's network namespace (a bind mount)
//	DIR/m1/net, uts    the node's namespaces (bind mounts)
//	DIR/m1/data        the data root; swarm below it
//	DIR/m1/docker.sock, dockerd.log, containerd.log
//	DIR/m1/swarmdr.yaml  swarmdr's configuration on that node
//
// Labs in different directories share nothing, not even a bridge, so they may
// use the same subnet. All of it needs root.
package lab

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// DefaultDir is the lab of those who name none.
const DefaultDir = "/var/lib/swarmdr/lab"

var (
	// ErrNotRoot is returned by Up, Load and Remnants: namespaces need root.
	ErrNotRoot = errors.New("a lab needs root")
	// ErrNoLab is returned by Load when the directory holds no lab.
	ErrNoLab = errors.New("no lab")
	// ErrNotOurs is returned by Up when the directory holds something else.
	ErrNotOurs = errors.New("directory is not empty and not a lab")
	// ErrNoNode is returned for a node name that the lab does not have.
	ErrNoNode = errors.New("no such node")
	// ErrNoEngine is returned by Up and Start when dockerd or its containerd
	// is not on this machine.
	ErrNoEngine = errors.New("engine not found")
	// ErrNotStatic is returned by Up when the executable that becomes the task
	// image needs a dynamic loader.
	ErrNotStatic = errors.New("executable is not static")
	// ErrGone is returned by whatever enters a host whose namespaces are not
	// there any more: they do not outlive a reboot.
	ErrGone = errors.New("namespaces are gone")
	// ErrInside is returned by Up and Down when called on a node of the lab.
	ErrInside = errors.New("this process runs inside the lab")
)

// Lab is one swarm on this machine. Its methods may be called from several
// processes at once, except that Up and Down want to be alone.
type Lab struct {
	// Report is told, a line each, what takes time or did not go as asked.
	// Nil keeps silent. It may be called from several goroutines.
	Report func(line string)

	state state
	dir   string
	nodes []*Node
}

// Load opens the lab in dir.
func Load(dir string) (*Lab, error) {
	if err := requireRoot(); err != nil {
		return nil, err
	}
	dir, err := resolve(dir)
	if err != nil {
		return nil, err
	}
	st, err := readState(dir)
	if err != nil {
		return nil, err
	}
	return newLab(dir, st), nil
}

// Remnants opens what is left in dir of a lab whose lab.json is lost: a Lab
// without nodes, whose Down ends its processes and takes its mounts away, but
// leaves the files.
func Remnants(dir string) (*Lab, error) {
	if err := requireRoot(); err != nil {
		return nil, err
	}
	dir, err := resolve(dir)
	if err != nil {
		return nil, err
	}
	return newLab(dir, state{Version: stateVersion, Dir: dir}), nil
}

func newLab(dir string, st state) *Lab {
	l := &Lab{state: st, dir: dir}
	for i := range st.Nodes {
		l.nodes = append(l.nodes, &Node{nodeState: st.Nodes[i], lab: l})
	}
	return l
}

// Dir is the lab's directory, absolute and without symbolic links.
func (l *Lab) Dir() string { return l.dir }

// Autolock says whether the managers lock their keys.
func (l *Lab) Autolock() bool { return l.state.Autolock }

// UnlockKeyFile is where the unlock key lies, if the lab has autolock.
func (l *Lab) UnlockKeyFile() string { return filepath.Join(l.dir, "unlock.key") }

// Nodes are all nodes, managers first.
func (l *Lab) Nodes() []*Node { return slices.Clone(l.nodes) }

// Node is the node of that name, or ErrNoNode.
func (l *Lab) Node(name string) (*Node, error) {
	for _, n := range l.nodes {
		if n.Name == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("%w: %q", ErrNoNode, name)
}

// named resolves all names before anything is done to the first of them.
func (l *Lab) named(names []string) ([]*Node, error) {
	var nodes []*Node
	for _, name := range names {
		n, err := l.Node(name)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

func (l *Lab) managers() []*Node { return l.withRole(Manager) }

func (l *Lab) workers() []*Node { return l.withRole(Worker) }

func (l *Lab) withRole(r Role) []*Node {
	return slices.DeleteFunc(l.Nodes(), func(n *Node) bool { return n.Role != r })
}

func (l *Lab) bridgePath() string { return filepath.Join(l.dir, "bridge") }

func (l *Lab) reportf(format string, args ...any) {
	if l.Report != nil {
		l.Report(fmt.Sprintf(format, args...))
	}
}
