package wire_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gogo/protobuf/types"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

// lines shows changes as one line each.
func lines(changes []wire.Change) []string {
	var all []string
	for _, c := range changes {
		all = append(all, strings.Join(c.Path, " ")+": "+c.Before+" -> "+c.After)
	}
	return all
}

func serviceWith(c *api.ContainerSpec) *api.Service {
	return &api.Service{Spec: api.ServiceSpec{Task: api.TaskSpec{Runtime: &api.TaskSpec_Container{Container: c}}}}
}

func TestChanges(t *testing.T) {
	long := strings.Repeat("x", 300)
	tests := []struct {
		name          string
		before, after message
		reveal        bool
		want          []string
	}{
		{"nothing", task(), task(), false, nil},
		{"status", task(), later(), false, []string{
			`meta version index: "48213" -> "48214"`,
			`meta updatedAt: "2026-05-28T20:28:20.987654321Z" -> "2026-05-28T20:28:27.987654321Z"`,
			`status timestamp: "2026-05-28T20:28:19.500Z" -> "2026-05-28T20:28:26.500Z"`,
			`status state: "RUNNING" -> "FAILED"`,
			`status message: "started" -> "exited"`,
			`status appliedAt: "2026-05-28T20:28:19.600Z" -> "2026-05-28T20:28:26.600Z"`,
		}},
		{"image and arguments", serviceWith(&api.ContainerSpec{Image: "a:1", Args: []string{"x", "y"}}),
			serviceWith(&api.ContainerSpec{Image: "a:2", Args: []string{"x", "z"}}), false, []string{
				`spec task container image: "a:1" -> "a:2"`, `spec task container args 1: "y" -> "z"`,
			}},
		{"argument removed", serviceWith(&api.ContainerSpec{Args: []string{"x", "y", "z"}}),
			serviceWith(&api.ContainerSpec{Args: []string{"x", "z"}}), false, []string{`spec task container args 1: "y" -> `}},
		{"argument twice", serviceWith(&api.ContainerSpec{Args: []string{"x"}}),
			serviceWith(&api.ContainerSpec{Args: []string{"x", "x"}}), false, []string{`spec task container args 1:  -> "x"`}},
		{"variables", serviceWith(&api.ContainerSpec{Env: []string{"A=swarmdr-canary-1", "B=2", "C=3", "swarmdr-canary-bare"}}),
			serviceWith(&api.ContainerSpec{Env: []string{"D=4", "B=2", "A=swarmdr-canary-2"}}), false, []string{
				`spec task container env A: "A=(redacted)" -> "A=(redacted)"`,
				`spec task container env C: "C=(redacted)" -> `,
				`spec task container env (redacted): "(redacted)" -> `,
				`spec task container env D:  -> "D=(redacted)"`,
			}},
		{"variables revealed", serviceWith(&api.ContainerSpec{Env: []string{"A=1", "bare"}}),
			serviceWith(&api.ContainerSpec{Env: []string{"A=2"}}), true, []string{
				`spec task container env A: "A=1" -> "A=2"`, `spec task container env bare: "bare" -> `,
			}},
		{"order of variables", serviceWith(&api.ContainerSpec{Env: []string{"A=1", "B=2"}}),
			serviceWith(&api.ContainerSpec{Env: []string{"B=2", "A=1"}}), false, []string{
				`spec task container env: ["A=(redacted)","B=(redacted)"] -> ["B=(redacted)","A=(redacted)"]`,
			}},
		{"labels", &api.Node{Spec: api.NodeSpec{Annotations: api.Annotations{Labels: map[string]string{"a": "1", "data": "2"}}}},
			&api.Node{Spec: api.NodeSpec{Annotations: api.Annotations{Labels: map[string]string{"data": "3", "b": long}}}}, false, []string{
				`spec annotations labels a: "1" -> `, `spec annotations labels b:  -> "` + long + `"`, `spec annotations labels data: "2" -> "3"`,
			}},
		{"mode", &api.Service{Spec: api.ServiceSpec{Mode: &api.ServiceSpec_Replicated{Replicated: &api.ReplicatedService{Replicas: 3}}}},
			&api.Service{Spec: api.ServiceSpec{Mode: &api.ServiceSpec_Global{Global: &api.GlobalService{}}}}, false, []string{
				`spec replicated: {"replicas":"3"} -> `, `spec global:  -> {}`,
			}},
		{"from zero", &api.Service{Spec: api.ServiceSpec{Mode: &api.ServiceSpec_Replicated{Replicated: &api.ReplicatedService{}}}},
			&api.Service{Spec: api.ServiceSpec{Mode: &api.ServiceSpec_Replicated{Replicated: &api.ReplicatedService{Replicas: 1}}}}, false,
			[]string{`spec replicated replicas:  -> "1"`}},
		{"secret", &api.Secret{Spec: api.SecretSpec{Data: []byte("swarmdr-canary-1")}},
			&api.Secret{Spec: api.SecretSpec{Data: []byte("swarmdr-canary-2")}}, false, []string{`spec data: "(redacted)" -> "(redacted)"`}},
		{"message added", serviceWith(&api.ContainerSpec{}),
			serviceWith(&api.ContainerSpec{PullOptions: &api.ContainerSpec_PullOptions{RegistryAuth: "swarmdr-canary"}}), false,
			[]string{`spec task container pullOptions:  -> {"registryAuth":"(redacted)"}`}},
		{"certificate", &api.Cluster{BlacklistedCertificates: map[string]*api.BlacklistedCertificate{"a": {Expiry: &types.Timestamp{Seconds: 1}}, "b": {}}},
			&api.Cluster{BlacklistedCertificates: map[string]*api.BlacklistedCertificate{"a": {Expiry: &types.Timestamp{Seconds: 2}}}}, false, []string{
				`blacklistedCertificates a expiry: "1970-01-01T00:00:01Z" -> "1970-01-01T00:00:02Z"`, `blacklistedCertificates b: {} -> `,
			}},
		{"mounts", serviceWith(&api.ContainerSpec{Mounts: []api.Mount{{Source: "a"}, {Source: "b"}}}),
			serviceWith(&api.ContainerSpec{Mounts: []api.Mount{{Source: "b"}}}), false, []string{`spec task container mounts 0: {"source":"a"} -> `}},
		{"mount", serviceWith(&api.ContainerSpec{Mounts: []api.Mount{{Source: "a"}}}),
			serviceWith(&api.ContainerSpec{Mounts: []api.Mount{{Source: "b"}}}), false, []string{`spec task container mounts 0 source: "a" -> "b"`}},
		{"payload", &api.Resource{Payload: &types.Any{TypeUrl: "u", Value: []byte("swarmdr-canary-1")}},
			&api.Resource{Payload: &types.Any{TypeUrl: "u", Value: []byte("swarmdr-canary-2")}}, false, []string{
				`payload: {"@type":"u","@value":"(redacted)"} -> {"@type":"u","@value":"(redacted)"}`,
			}},
		{"delay", &api.Service{Spec: api.ServiceSpec{Update: &api.UpdateConfig{Delay: time.Second}}},
			&api.Service{Spec: api.ServiceSpec{Update: &api.UpdateConfig{}}}, false, []string{`spec update delay: "1s" -> `}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			shape := wire.Type(reflect.TypeOf(tt.before).Elem().Name())
			got, err := shape.Changes(marshal(t, tt.before), marshal(t, tt.after), tt.reveal)
			must(t, err)
			if diff := cmp.Diff(tt.want, lines(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestChangesIn(t *testing.T) {
	before, after := marshal(t, task()), marshal(t, later())
	meta, status := 2, 9
	for want, some := range map[string]wire.Fields{
		`status state: "RUNNING" -> "FAILED"`:    {{Number: 3}, {Number: status, Below: wire.Fields{{Number: 2}, {Number: 4}}}},
		`meta version index: "48213" -> "48214"`: {{Number: meta, Below: wire.Fields{{Number: 1}}}},
		"":                                       {{Number: 3}},
	} {
		changes, err := of[api.Task]().shape.ChangesIn(some, before, after, false)
		must(t, err)
		if got := strings.Join(lines(changes), "\n"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestChangesOfUnknownFields(t *testing.T) {
	raw := marshal(t, task())
	inTime := append([]byte{2<<3 | 2, 4, 3<<3 | 2, 2, 7 << 3, 1}, raw...)           // field 7 of updatedAt
	inMeta := append([]byte{2<<3 | 2, 4, 31<<3&0x7f | 2 | 0x80, 1, 1, 'x'}, raw...) // field 31 of meta
	more := append(slices.Clone(raw), 0xfa, 7, 14)
	more = append(more, "swarmdr-canary"...) // field 127
	for _, tt := range []struct {
		before, after []byte
		want          []string
	}{
		{raw, more, []string{"(unknown fields):  -> "}},
		{more, more, nil},
		{raw, inMeta, []string{"meta (unknown fields):  -> "}},
		{raw, inTime, []string{"meta updatedAt (unknown fields):  -> "}},
	} {
		got, err := wire.Type("Task").Changes(tt.before, tt.after, true)
		must(t, err)
		if diff := cmp.Diff(tt.want, lines(got)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestChangesOfDamage(t *testing.T) {
	good, bad := marshal(t, later()), marshal(t, task())
	bad = bad[:len(bad)-1]
	for _, raws := range [][2][]byte{{good, bad}, {bad, good}} {
		_, err := wire.Type("Task").Changes(raws[0], raws[1], false)
		var e *wire.Error
		if !errors.As(err, &e) || e.Offset < 1000 {
			t.Errorf("got %v", err)
		}
	}
}

// pairOf returns a message and another that differs in few fields.
func pairOf(t *testing.T, s sample, seed uint64) (before, after []byte) {
	m := s.empty()
	newFiller(seed, 50).fill(m)
	before = marshal(t, m)
	if seed%5 > 0 { // else maps in another order
		newFiller(seed+1, int(seed)%5*3).fill(m)
	}
	return before, marshal(t, m)
}

func TestChangesAreThoseOfTheTrees(t *testing.T) {
	for _, s := range samples() {
		empty := 0
		for seed := range uint64(200) {
			before, after := pairOf(t, s, seed)
			if differ(t, s, before, after) {
				continue
			}
			empty++
		}
		if empty == 0 {
			t.Errorf("%s: no pair was equal", s.name)
		}
	}
}

// differ compares what Changes finds with the trees.
func differ(t *testing.T, s sample, before, after []byte) bool {
	t.Helper()
	if same, err := s.shape.Changes(before, before, true); len(same) > 0 || err != nil {
		t.Fatalf("%s: %v, %v", s.name, lines(same), err)
	}
	a, err := s.shape.AppendJSON(nil, before, true)
	must(t, err)
	b, err := s.shape.AppendJSON(nil, after, true)
	must(t, err)
	changes, err := s.shape.Changes(before, after, true)
	must(t, err)
	equal := cmp.Equal(tree(t, a), tree(t, b))
	if equal != (len(changes) == 0) {
		t.Fatalf("%s: equal %v, changes %q\n%s\n%s", s.name, equal, lines(changes), a, b)
	}
	for _, c := range changes {
		if c.Before != "" && !json.Valid([]byte(c.Before)) || c.After != "" && !json.Valid([]byte(c.After)) {
			t.Fatalf("%s: no JSON in %q", s.name, lines(changes))
		}
	}
	return !equal
}

func FuzzChanges(f *testing.F) {
	all := samples()
	seeds := 0
	for i, s := range all {
		for seed := range uint64(2) {
			m := s.empty()
			newFiller(seed, 60).fill(m)
			before := marshal(f, m)
			newFiller(seed+9, 10).fill(m)
			if after := marshal(f, m); len(after) > 0 {
				f.Add(uint8(i), before, after)
				seeds++
			}
		}
	}
	if seeds < len(all) {
		f.Fatal("too few seeds")
	}
	f.Fuzz(func(t *testing.T, which uint8, before, after []byte) {
		s := all[int(which)%len(all)]
		changes, err := s.shape.Changes(before, after, true)
		if err != nil {
			if e := (*wire.Error)(nil); !errors.As(err, &e) {
				t.Fatalf("%T", err)
			}
			return
		}
		a, errA := s.shape.AppendJSON(nil, before, true)
		b, errB := s.shape.AppendJSON(nil, after, true)
		if errA == nil && errB == nil && len(changes) == 0 && !cmp.Equal(tree(t, a), tree(t, b)) {
			t.Fatalf("%s: no changes between\n%s\n%s", s.name, a, b)
		}
	})
}

// shuffled puts the top fields of a message in another order.
func shuffled(t *testing.T, raw []byte, rng *rand.Rand) []byte {
	var parts [][]byte
	for len(raw) > 0 {
		_, rest, err := wire.Next(raw)
		must(t, err)
		parts = append(parts, raw[:len(raw)-len(rest)])
		raw = rest
	}
	rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	return slices.Concat(parts...)
}

func TestOrderDoesNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, s := range samples() {
		for seed := range uint64(40) {
			a, b := pairOf(t, s, seed)
			sameAsOracle(t, s, shuffled(t, a, rng))
			sameAsOracle(t, s, slices.Concat(a, b))
			sameAsOracle(t, s, shuffled(t, slices.Concat(a, b), rng))
		}
	}
}
