package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// rewindAnswer tells what was written, and what it holds compared with now.
type rewindAnswer struct {
	Dir       string `json:"dir"`
	NodeID    string `json:"node_id"`
	Address   string `json:"address"`
	Autolock  bool   `json:"autolock"`
	Index     uint64 `json:"index"`
	LastIndex uint64 `json:"last_index"`
	// Objects and Now count by kind.
	Objects map[string]int `json:"objects"`
	Now     map[string]int `json:"now"`
	// Back was removed since, Lost was made since, Reverted was changed since.
	Back     []objectAnswer `json:"back"`
	Lost     []objectAnswer `json:"lost"`
	Reverted []objectAnswer `json:"reverted"`

	managers []string // the others, by host name
	swarmDir string   // where the directory belongs
}

type objectAnswer struct {
	Kind raftlog.Kind `json:"kind"`
	ID   string       `json:"id"`
	Name string       `json:"name,omitempty"`
}

func (o *logRewindOptions) answer(out string, proof *snapshot.Proof, then *raftlog.State) (*rewindAnswer, error) {
	self := proof.Log.Self()
	a := &rewindAnswer{
		Dir: out, NodeID: self.NodeID, Address: self.Addr, Autolock: proof.NodeKey.Locked(),
		Index: then.Index, LastIndex: proof.Log.LastIndex(), Objects: then.Counts(), Now: proof.State.Counts(),
		Back: []objectAnswer{}, Lost: []objectAnswer{}, Reverted: []objectAnswer{},
		swarmDir: o.place(),
	}
	for _, m := range proof.State.Members {
		if m.NodeID == self.NodeID {
			continue
		}
		name := m.NodeID
		if node, ok := proof.State.Object(raftlog.KindNode, m.NodeID); ok {
			name = node.Name
		}
		a.managers = append(a.managers, name)
	}
	slices.Sort(a.managers)
	return a, a.compare(proof.State, then)
}

// place is where the engine expects the directory.
func (o *logRewindOptions) place() string {
	if dir, err := filepath.Abs(o.dir); err == nil && o.dir != "" {
		return dir
	}
	if cfg, err := o.load(); err == nil && cfg.SwarmDir != "" {
		return cfg.SwarmDir
	}
	return "/var/lib/docker/swarm"
}

// compare leaves out tasks, which the services make again, and what only
// churned.
func (a *rewindAnswer) compare(now, then *raftlog.State) error {
	kinds := slices.DeleteFunc(raftlog.Kinds(), func(k raftlog.Kind) bool { return k == raftlog.KindTask })
	for _, c := range raftlog.Diff(now, then, kinds...) {
		o := c.Object()
		object := objectAnswer{o.Kind, o.ID, o.Name}
		switch c.Op {
		case raftlog.Create:
			a.Back = append(a.Back, object)
		case raftlog.Remove:
			a.Lost = append(a.Lost, object)
		default:
			fields, err := c.Fields(false)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(fields, func(f raftlog.FieldChange) bool { return !f.Churn }) {
				a.Reverted = append(a.Reverted, object)
			}
		}
	}
	return nil
}

func (a *rewindAnswer) print(w io.Writer) error {
	fmt.Fprintf(w, "%s: the swarm as of index %d, %s before the end of its log\n", a.Dir, a.Index, count(int(a.LastIndex-a.Index), "entry", "entries"))
	lock := "not locked"
	if a.Autolock {
		lock = "locked with the unlock key of now"
	}
	fmt.Fprintf(w, "manager %s at %s, its node key %s\n\n", a.NodeID, a.Address, lock)
	t := newTable(w, "KIND", "THEN", "NOW")
	for _, k := range kindNames() {
		t.row(k, a.Objects[k], a.Now[k])
	}
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := a.printChanges(w); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, strings.Join(a.steps(), "\n"))
	return err
}

func (a *rewindAnswer) printChanges(w io.Writer) error {
	if len(a.Back)+len(a.Lost)+len(a.Reverted) == 0 {
		_, err := fmt.Fprintf(w, "tasks apart, nothing comes back and nothing is lost\n\n")
		return err
	}
	t := newTable(w, "WHAT", "KIND", "NAME", "ID")
	for _, group := range []struct {
		what    string
		objects []objectAnswer
	}{{"comes back", a.Back}, {"is lost", a.Lost}, {"reverts", a.Reverted}} {
		for _, o := range group.objects {
			t.row(group.what, o.Kind, o.Name, o.ID)
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return nil
}

// steps are for a person: no command of ours replaces a log while managers are
// alive.
func (a *rewindAnswer) steps() []string {
	dir := a.swarmDir
	lines := []string{"Nothing has changed yet. To put it to use:"}
	if len(a.managers) > 0 {
		lines = append(lines, "  on "+strings.Join(a.managers, ", ")+", before this manager starts again:",
			"    docker swarm leave --force")
	}
	lines = append(lines, fmt.Sprintf("  on this manager, whose dockerd has its swarm directory at %s:", dir),
		"    systemctl stop docker.socket docker.service",
		fmt.Sprintf("    mv %s %s.before-rewind", dir, dir),
		fmt.Sprintf("    mv %s %s", a.Dir, dir),
		fmt.Sprintf("    cp -a %s.before-rewind/worker %s/", dir, dir),
		"    systemctl start docker.service")
	if a.Autolock {
		lines = append(lines, "    docker swarm unlock")
	}
	if len(a.managers) > 0 {
		lines = append(lines, "    docker node rm --force "+strings.Join(a.managers, " "),
			"    docker swarm join-token manager", "  and on each of the others what that prints")
	}
	if lost := a.lostNodes(); len(lost) > 0 {
		lines = append(lines, "  nodes that joined since have to leave and to join again: "+strings.Join(lost, ", "))
	}
	return lines
}

func (a *rewindAnswer) lostNodes() []string {
	var names []string
	for _, o := range a.Lost {
		if o.Kind == raftlog.KindNode {
			names = append(names, o.Name)
		}
	}
	return names
}
