package lab

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Cmd is an exec.Cmd that starts on a node. Use its own Start, Run, Output and
// CombinedOutput; Wait and the fields are those of exec.Cmd.
type Cmd struct {
	*exec.Cmd
	node *Node
}

// Command prepares a command as run on the node: in its network and with its
// host name, with DOCKER_HOST and SWARMDR_CONFIG set, and swarmdr on PATH. The
// files it sees are this machine's.
func (n *Node) Command(ctx context.Context, name string, args ...string) *Cmd {
	env := n.environ(os.Environ())
	path, err := findIn(lookup(env, "PATH"), name)
	if err != nil {
		path = name
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Args[0] = name
	cmd.Env = env
	if err != nil {
		cmd.Err = err
	}
	return &Cmd{Cmd: cmd, node: n}
}

// Start starts the command on the node.
func (c *Cmd) Start() error { return c.node.inNamespaces(c.Cmd.Start) }

// Run starts the command and waits for it.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output runs the command and returns its standard output.
func (c *Cmd) Output() ([]byte, error) {
	out := &strings.Builder{}
	c.Stdout = out
	err := c.Run()
	return []byte(out.String()), err
}

// CombinedOutput runs the command and returns all it wrote.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	out := &strings.Builder{}
	c.Stdout, c.Stderr = out, out
	err := c.Run()
	return []byte(out.String()), err
}

// Exec replaces this process by the command, as run on the node, so that
// terminal, signals and exit code are the command's own. It returns only when
// it did not succeed.
func (n *Node) Exec(name string, args ...string) error {
	env := n.environ(os.Environ())
	path, err := findIn(lookup(env, "PATH"), name)
	if err != nil {
		return err
	}
	return n.inNamespaces(func() error {
		err := syscall.Exec(path, append([]string{name}, args...), env)
		return &os.PathError{Op: "exec", Path: path, Err: err}
	})
}

// environ is env as it would be on the node. Whatever else would lead a docker
// client elsewhere is taken out, and the marks of the lab's own daemons too.
func (n *Node) environ(env []string) []string {
	drop := []string{
		markLab, markNode, "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_API_VERSION",
		"DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "SWARMDR_CONFIG", "PATH",
	}
	kept := slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		key, _, _ := strings.Cut(entry, "=")
		return slices.Contains(drop, key)
	})
	return append(kept,
		"DOCKER_HOST="+n.DockerHost(),
		"SWARMDR_CONFIG="+n.ConfigFile(),
		"PATH="+filepath.Dir(n.lab.state.Swarmdr)+":"+pathOf(env),
	)
}

func pathOf(env []string) string {
	if path := lookup(env, "PATH"); path != "" {
		return path
	}
	return systemPath
}

func lookup(env []string, key string) string {
	for _, entry := range slices.Backward(env) {
		if k, v, _ := strings.Cut(entry, "="); k == key {
			return v
		}
	}
	return ""
}
