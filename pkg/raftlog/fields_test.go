package raftlog_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gogo/protobuf/proto"
	"github.com/gogo/protobuf/types"
	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// fieldsOf compares two versions of an object as Diff finds them. What churns
// has a ~ before it.
func fieldsOf(t *testing.T, before, after api.StoreObject, reveal bool) []string {
	t.Helper()
	states := [2]*raftlog.State{raftlog.NewState(), raftlog.NewState()}
	for i, v := range []api.StoreObject{before, after} {
		o, err := raftlog.NewObject(v)
		must(t, err)
		must(t, states[i].Put(o))
	}
	changes := raftlog.Diff(states[0], states[1])
	if len(changes) != 1 || changes[0].Op != raftlog.Update {
		t.Fatalf("changes %v", changes)
	}
	fields, err := changes[0].Fields(reveal)
	must(t, err)
	var texts []string
	for _, f := range fields {
		text := fmt.Sprintf("%s %s -> %s", strings.Join(f.Path, "."), f.Before, f.After)
		if f.Churn {
			text = "~" + text
		}
		texts = append(texts, text)
	}
	return texts
}

// changed is a copy of an object that was changed.
func changed[T proto.Message](v T, change func(T)) T {
	v = proto.Clone(v).(T)
	change(v)
	return v
}

func TestFieldsOfAService(t *testing.T) {
	before := &api.Service{
		ID: "s", Meta: api.Meta{Version: api.Version{Index: 7}, UpdatedAt: &types.Timestamp{Seconds: 1}},
		Spec: api.ServiceSpec{
			Annotations: api.Annotations{Name: "web", Labels: map[string]string{"a.b": "1", "c": "2"}},
			Task: api.TaskSpec{Runtime: &api.TaskSpec_Container{Container: &api.ContainerSpec{
				Image: "nginx:1.27", Env: []string{"TOKEN=swarmdr-canary-one", "B=2"},
			}}},
			Mode: &api.ServiceSpec_Replicated{Replicated: &api.ReplicatedService{Replicas: 3}},
		},
		SpecVersion: &api.Version{Index: 7},
	}
	after := changed(before, func(s *api.Service) {
		s.PreviousSpec = s.Spec.Copy()
		s.Meta.Version.Index, s.SpecVersion.Index, s.Meta.UpdatedAt.Seconds = 9, 9, 2
		s.Spec.Annotations.Labels = map[string]string{"c": "2", "d": "3"}
		s.Spec.Task.GetContainer().Image = "nginx:1.29"
		s.Spec.Task.GetContainer().Env = []string{"B=2", "TOKEN=swarmdr-canary-two"}
		s.Spec.GetReplicated().Replicas = 5
		s.UpdateStatus = &api.UpdateStatus{State: api.UpdateStatus_COMPLETED, Message: "update completed"}
		s.Endpoint = &api.Endpoint{VirtualIPs: []*api.Endpoint_VirtualIP{{NetworkID: "n", Addr: "10.0.0.2/24"}}}
		s.JobStatus = &api.JobStatus{LastExecution: &types.Timestamp{Seconds: 3}}
	})
	got := fieldsOf(t, before, after, false)
	want := []string{
		`spec.annotations.labels.a.b "1" -> `,
		`spec.annotations.labels.d  -> "3"`,
		`spec.task.container.image "nginx:1.27" -> "nginx:1.29"`,
		`spec.task.container.env.TOKEN "TOKEN=(redacted)" -> "TOKEN=(redacted)"`,
		`spec.replicated.replicas "3" -> "5"`,
	}
	wanted := slices.DeleteFunc(slices.Clone(got), func(f string) bool { return strings.HasPrefix(f, "~") })
	if !slices.Equal(wanted, want) {
		t.Errorf("got\n%s", strings.Join(wanted, "\n"))
	}
	churn := strings.Join(slices.DeleteFunc(got, func(f string) bool { return !strings.HasPrefix(f, "~") }), "\n")
	for _, path := range []string{"meta.version.index", "meta.updatedAt", "specVersion", "previousSpec", "updateStatus", "endpoint", "jobStatus"} {
		if !strings.Contains(churn, "~"+path) {
			t.Errorf("%s is not among\n%s", path, churn)
		}
	}
	if strings.Contains(churn, "canary") {
		t.Error("a secret is shown")
	}
	if revealed := fieldsOf(t, before, after, true); !slices.Contains(revealed, `spec.task.container.env.TOKEN "TOKEN=swarmdr-canary-one" -> "TOKEN=swarmdr-canary-two"`) {
		t.Errorf("not revealed:\n%s", strings.Join(revealed, "\n"))
	}
}

// What churns in the objects of each kind, and what lies beside it.
func TestChurn(t *testing.T) {
	node := &api.Node{ID: "n", Spec: api.NodeSpec{DesiredRole: api.NodeRoleManager}, Status: api.NodeStatus{Addr: "10.0.0.1"}}
	cluster := &api.Cluster{ID: "c", UnlockKeys: []*api.EncryptionKey{{Key: []byte("swarmdr-canary-old")}}}
	task := &api.Task{ID: "t"}
	volume := &api.Volume{ID: "v"}
	for name, c := range map[string]struct {
		before, after api.StoreObject
		want          string
	}{
		"node down":     {node, changed(node, func(n *api.Node) { n.Status.State = api.NodeStatus_DOWN }), `~status.state  -> "DOWN"`},
		"node moved":    {node, changed(node, func(n *api.Node) { n.Status.Addr = "10.0.0.2" }), `status.addr "10.0.0.1" -> "10.0.0.2"`},
		"node drained":  {node, changed(node, func(n *api.Node) { n.Spec.Availability = api.NodeAvailabilityDrain }), `spec.availability  -> "DRAIN"`},
		"certificate":   {node, changed(node, func(n *api.Node) { n.Certificate.CN = "n" }), `~certificate.cn  -> "n"`},
		"attached":      {node, changed(node, func(n *api.Node) { n.Attachments = []*api.NetworkAttachment{{}} }), `~attachments.0  -> {}`},
		"unlock key":    {cluster, changed(cluster, func(c *api.Cluster) { c.UnlockKeys[0].Key = []byte("swarmdr-canary-new") }), `unlockKeys.0.key "(redacted)" -> "(redacted)"`},
		"lamport clock": {cluster, changed(cluster, func(c *api.Cluster) { c.EncryptionKeyLamportClock = 5 }), `~encryptionKeyLamportClock  -> "5"`},
		"gossip key":    {cluster, changed(cluster, func(c *api.Cluster) { c.NetworkBootstrapKeys = []*api.EncryptionKey{{}} }), `~networkBootstrapKeys.0  -> {}`},
		"task":          {task, changed(task, func(t *api.Task) { t.NodeID = "n" }), `~nodeId  -> "n"`},
		"volume":        {volume, changed(volume, func(v *api.Volume) { v.Spec.Group = "g" }), `spec.group  -> "g"`},
		"volume, nodes": {volume, changed(volume, func(v *api.Volume) { v.PublishStatus = []*api.VolumePublishStatus{{NodeID: "n"}} }), `~publishStatus.0  -> {"nodeId":"n"}`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(fieldsOf(t, c.before, c.after, false), "\n"); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

// The engine writes maps in any order: such an update changed nothing.
func TestOrderOfAMap(t *testing.T) {
	secret := &api.Secret{ID: "s", Spec: api.SecretSpec{Annotations: api.Annotations{Labels: map[string]string{}}}}
	for i := range 20 {
		secret.Spec.Annotations.Labels[fmt.Sprint(i)] = "x"
	}
	one, err := raftlog.NewObject(secret)
	must(t, err)
	other, err := raftlog.NewObject(secret)
	must(t, err)
	for bytes.Equal(one.Raw(), other.Raw()) {
		other, err = raftlog.NewObject(secret)
		must(t, err)
	}
	fields, err := raftlog.Change{Op: raftlog.Update, Before: one, After: other}.Fields(true)
	if len(fields) > 0 || err != nil {
		t.Errorf("got %v, %v", fields, err)
	}
}

// Kinds that are named are compared, no others.
func TestDiffOfKinds(t *testing.T) {
	before, after := raftlog.NewState(), raftlog.NewState()
	for _, v := range []api.StoreObject{&api.Secret{ID: "s"}, &api.Task{ID: "t"}, &api.Config{ID: "c"}} {
		o, err := raftlog.NewObject(v)
		must(t, err)
		must(t, after.Put(o))
	}
	for want, kinds := range map[string][]raftlog.Kind{
		"[task t secret s config c]": nil,
		"[secret s config c]":        {raftlog.KindConfig, raftlog.KindSecret},
		"[]":                         {raftlog.KindNode},
	} {
		var got []string
		for _, c := range raftlog.Diff(before, after, kinds...) {
			got = append(got, c.Object().String())
			if fields, err := c.Fields(true); len(fields) > 0 || err != nil {
				t.Errorf("a new object has changed fields %v, %v", fields, err)
			}
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%v: got %v, want %s", kinds, got, want)
		}
	}
}

func TestTasks(t *testing.T) {
	st := raftlog.NewState()
	put := func(id, service string, desired, state api.TaskState) {
		o, err := raftlog.NewObject(&api.Task{
			ID: id, ServiceID: service, NodeID: "n", DesiredState: desired,
			Status: api.TaskStatus{State: state, Timestamp: &types.Timestamp{Seconds: 1700000000, Nanos: 5}},
		})
		must(t, err)
		must(t, st.Put(o))
	}
	put("1", "web", api.TaskStateRunning, api.TaskStateRunning)
	put("2", "web", api.TaskStateRunning, api.TaskStateStarting)
	put("3", "web", api.TaskStateShutdown, api.TaskStateRunning)
	put("4", "db", api.TaskStateRunning, api.TaskStateRunning)
	put("5", "db", api.TaskStateRunning, api.TaskStateRunning)
	if got := fmt.Sprint(st.RunningTasks()); got != "map[db:2 web:1]" {
		t.Errorf("got %s", got)
	}
	o, _ := st.Object(raftlog.KindTask, "3")
	if got := fmt.Sprintf("%+v", o.Task()); got != "{Service:web Node:n Desired:shutdown State:running Since:2023-11-14 22:13:20.000000005 +0000 UTC}" {
		t.Errorf("got %s", got)
	}
	if got := (raftlog.Object{Kind: raftlog.KindNode}).Task(); got != (raftlog.Task{}) {
		t.Errorf("a node is the task %+v", got)
	}
}
