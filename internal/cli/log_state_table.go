package cli

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/gogo/protobuf/types"
	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// objectTable prints the objects of one kind with what matters of it, of several
// kinds their names.
func objectTable(w io.Writer, state *raftlog.State, kinds []raftlog.Kind, objects []raftlog.Object) error {
	out := bufio.NewWriter(w)
	slices.SortFunc(objects, byName(kinds))
	if len(kinds) > 1 {
		t := newTable(out, "KIND", "ID", "NAME")
		for _, o := range objects {
			t.row(o.Kind, o.ID, o.Name)
		}
		return flushAll(t, out)
	}
	columns := columnsOf(kinds[0], state)
	t := newTable(out, append([]any{"ID", "NAME"}, columns.header...)...)
	for _, o := range objects {
		cells, err := columns.row(o)
		if err != nil {
			return err
		}
		t.row(append([]any{o.ID, o.Name}, cells...)...)
	}
	return flushAll(t, out)
}

func flushAll(t table, out *bufio.Writer) error {
	if err := t.flush(); err != nil {
		return err
	}
	return out.Flush()
}

// byName orders objects by kind, then by name.
func byName(kinds []raftlog.Kind) func(a, b raftlog.Object) int {
	return func(a, b raftlog.Object) int {
		if a.Kind != b.Kind {
			return cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind))
		}
		return cmp.Or(natural(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	}
}

// natural puts web.2 before web.10.
func natural(a, b string) int {
	i, j := strings.LastIndexByte(a, '.'), strings.LastIndexByte(b, '.')
	if i == j && i >= 0 && a[:i] == b[:j] && len(a) != len(b) {
		return cmp.Compare(len(a), len(b))
	}
	return cmp.Compare(a, b)
}

// columns are what a table shows of a kind beside ids and names.
type columns struct {
	header []any
	row    func(raftlog.Object) ([]any, error)
}

func columnsOf(kind raftlog.Kind, state *raftlog.State) columns {
	switch kind {
	case raftlog.KindNode:
		return of(nodeCells, "ROLE", "AVAILABILITY", "STATE", "ADDRESS", "ENGINE")
	case raftlog.KindService:
		running := state.RunningTasks()
		return of(func(s *api.Service) []any { return serviceCells(s, running) }, "MODE", "REPLICAS", "IMAGE")
	case raftlog.KindTask:
		return columns{[]any{"NODE", "DESIRED", "STATE", "SINCE"}, func(o raftlog.Object) ([]any, error) {
			return taskCells(o.Task(), state), nil
		}}
	case raftlog.KindNetwork:
		return of(networkCells, "DRIVER", "SUBNET")
	case raftlog.KindSecret:
		return of(func(s *api.Secret) []any { return metaCells(s.Meta) }, "CREATED", "UPDATED")
	case raftlog.KindConfig:
		return of(func(c *api.Config) []any { return metaCells(c.Meta) }, "CREATED", "UPDATED")
	case raftlog.KindCluster:
		return of(clusterCells, "AUTOLOCK", "CREATED", "UPDATED")
	case raftlog.KindVolume:
		return of(volumeCells, "DRIVER", "AVAILABILITY", "GROUP")
	case raftlog.KindResource:
		return of(func(r *api.Resource) []any { return append([]any{r.Kind}, metaCells(r.Meta)...) }, "KIND", "CREATED", "UPDATED")
	}
	return of(func(e *api.Extension) []any { return []any{e.Description} }, "DESCRIPTION")
}

// of makes columns from the cells of one type of object.
func of[T api.StoreObject](cells func(T) []any, header ...any) columns {
	return columns{header, func(o raftlog.Object) ([]any, error) {
		v, err := o.Value()
		if err != nil {
			return nil, err
		}
		if v, ok := v.(T); ok {
			return cells(v), nil
		}
		return nil, nil
	}}
}

func nodeCells(n *api.Node) []any {
	version := ""
	if n.Description != nil && n.Description.Engine != nil {
		version = n.Description.Engine.EngineVersion
	}
	return []any{word(n.Role), word(n.Spec.Availability), word(n.Status.State), n.Status.Addr, version}
}

// serviceCells has replicas as `docker service ls` has them, of which the log
// knows how many tasks ran.
func serviceCells(s *api.Service, running map[string]int) []any {
	mode, wanted := "", ""
	switch m := s.Spec.Mode.(type) {
	case *api.ServiceSpec_Replicated:
		mode, wanted = "replicated", fmt.Sprint("/", m.Replicated.Replicas)
	case *api.ServiceSpec_Global:
		mode = "global"
	case *api.ServiceSpec_ReplicatedJob:
		mode, wanted = "replicated job", fmt.Sprint("/", m.ReplicatedJob.TotalCompletions)
	case *api.ServiceSpec_GlobalJob:
		mode = "global job"
	}
	image := ""
	if c := s.Spec.Task.GetContainer(); c != nil {
		image, _, _ = strings.Cut(c.Image, "@sha256:")
	}
	return []any{mode, fmt.Sprint(running[s.ID], wanted), image}
}

func taskCells(t raftlog.Task, state *raftlog.State) []any {
	node := t.Node
	if o, ok := state.Object(raftlog.KindNode, t.Node); ok {
		node = o.Name
	}
	return []any{node, t.Desired, t.State, clock(t.Since)}
}

func networkCells(n *api.Network) []any {
	driver := ""
	switch {
	case n.DriverState != nil:
		driver = n.DriverState.Name
	case n.Spec.DriverConfig != nil:
		driver = n.Spec.DriverConfig.Name
	}
	var subnets []string
	if n.IPAM != nil {
		for _, c := range n.IPAM.Configs {
			subnets = append(subnets, c.Subnet)
		}
	}
	return []any{driver, strings.Join(subnets, ",")}
}

func clusterCells(c *api.Cluster) []any {
	autolock := "off"
	if c.Spec.EncryptionConfig.AutoLockManagers {
		autolock = "on"
	}
	return append([]any{autolock}, metaCells(c.Meta)...)
}

func volumeCells(v *api.Volume) []any {
	driver := ""
	if v.Spec.Driver != nil {
		driver = v.Spec.Driver.Name
	}
	return []any{driver, word(v.Spec.Availability), v.Spec.Group}
}

func metaCells(m api.Meta) []any { return []any{stamp(m.CreatedAt), stamp(m.UpdatedAt)} }

// word is the name of a value as Docker writes it.
func word(v fmt.Stringer) string { return strings.ToLower(v.String()) }

func stamp(t *types.Timestamp) string {
	if t == nil {
		return ""
	}
	return clock(time.Unix(t.Seconds, int64(t.Nanos)))
}

// clock is a time in UTC, to the second.
func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
