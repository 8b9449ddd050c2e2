package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Up makes a lab and returns it with its swarm formed. It first removes what
// an earlier lab left in the same directory. When something fails, or ctx ends,
// it removes what it made, unless KeepOnError says to leave it.
func Up(ctx context.Context, o Options) (*Lab, error) {
	if err := errors.Join(requireRoot(), o.Validate()); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	l, err := prepare(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := l.build(ctx); err != nil {
		return nil, l.abandon(err, o.KeepOnError)
	}
	return l, nil
}

// prepare finds all that is needed before anything is made, clears the
// directory and writes the lab down.
func prepare(ctx context.Context, o Options) (*Lab, error) {
	dir, err := resolve(o.Dir)
	if err != nil {
		return nil, err
	}
	st := state{Version: stateVersion, Dir: dir, Subnet: o.Subnet, Autolock: o.Autolock}
	if st.Swarmdr, err = findSwarmdr(o.Swarmdr); err != nil {
		return nil, err
	}
	dockerd, err := findDockerd(o.Dockerd)
	if err != nil {
		return nil, err
	}
	version, err := engineVersion(ctx, dockerd)
	if err != nil {
		return nil, err
	}
	if st.Nodes, err = o.plan(dockerd, version); err != nil {
		return nil, err
	}
	if err := clearDir(ctx, dir, o.Report); err != nil {
		return nil, err
	}
	return record(st, o.Report)
}

// clearDir removes an earlier lab from dir and refuses a directory of others.
func clearDir(ctx context.Context, dir string, report func(string)) error {
	old, err := Load(dir)
	if errors.Is(err, ErrNoLab) {
		return checkDir(dir)
	}
	if err != nil {
		return err
	}
	old.Report = report
	old.reportf("removing the lab that is there")
	if err := old.Down(ctx); err != nil {
		return err
	}
	return checkDir(dir)
}

func record(st state, report func(string)) (*Lab, error) {
	var err error
	if st.MadeDir, err = makeDir(st.Dir); err != nil {
		return nil, fmt.Errorf("make directory: %w", err)
	}
	if err := st.write(); err != nil {
		return nil, err
	}
	l := newLab(st.Dir, st)
	l.Report = report
	return l, nil
}

func findSwarmdr(path string) (string, error) {
	var err error
	if path == "" {
		path, err = os.Executable()
	} else {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", fmt.Errorf("find executable: %v", err)
	}
	return path, checkStatic(path)
}

// build makes the recorded lab real.
func (l *Lab) build(ctx context.Context) error {
	steps := []struct {
		name string
		do   func(context.Context) error
	}{
		{"wiring the hosts", l.makeHosts},
		{"starting the engines", func(ctx context.Context) error { return l.onAll(ctx, (*Node).start) }},
		{"importing the task image", func(ctx context.Context) error { return l.onAll(ctx, (*Node).importImage) }},
		{"forming the swarm", l.formSwarm},
		{"saving the unlock key", l.saveUnlockKey},
	}
	begin := time.Now()
	for _, step := range steps {
		l.reportf("%s", step.name)
		err := step.do(ctx)
		if cause := context.Cause(ctx); err != nil && cause != nil {
			return fmt.Errorf("%s: %w", step.name, cause)
		}
		if err != nil {
			return err
		}
	}
	l.reportf("ready after %.1f s", time.Since(begin).Seconds())
	return nil
}

func (l *Lab) onAll(ctx context.Context, f func(*Node, context.Context) error) error {
	return each(l.nodes, func(n *Node) error { return f(n, ctx) })
}

func (l *Lab) makeHosts(context.Context) error {
	if err := l.makeBridge(); err != nil {
		return err
	}
	for _, n := range l.nodes {
		if err := n.make(); err != nil {
			return err
		}
	}
	return nil
}

// make gives the node its directory, namespaces, link and files.
func (n *Node) make() error {
	for _, dir := range []string{n.Dir(), n.DataRoot()} {
		if err := os.Mkdir(dir, 0o711); err != nil {
			return fmt.Errorf("make %s: %w", n.Name, err)
		}
	}
	return errors.Join(
		makeNetNS(n.NetNS()),
		makeUTS(n.utsPath(), n.Name),
		n.wire(),
		n.writeEngineFiles(),
		n.writeConfig(),
	)
}

// abandon tears a half-made lab down; the context of Up may be over by then.
func (l *Lab) abandon(err error, keep bool) error {
	if keep {
		l.reportf("left for inspection: %s", l.dir)
		return err
	}
	return errors.Join(err, l.Down(context.Background()))
}
