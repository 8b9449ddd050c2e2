package lab

import (
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func sample() state {
	return state{
		Version: stateVersion, Dir: "/x/lab", MadeDir: "/x", Subnet: "10.99.0.0/24", Autolock: true, Swarmdr: "/bin/swarmdr",
		Nodes: []nodeState{
			{Name: "m1", Role: Manager, Address: netip.MustParseAddr("10.99.0.11"), Dockerd: "/usr/sbin/dockerd", EngineVersion: "20.10.24"},
			{Name: "w12", Role: Worker, Address: netip.MustParseAddr("10.99.0.112")},
		},
	}
}

func encode(t testing.TB, st state) []byte {
	data, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestStateRoundTrip(t *testing.T) {
	want := sample()
	got, err := parseState(encode(t, want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
}

// TestStateRefused: whoever can write a lab.json must not lead Down elsewhere.
func TestStateRefused(t *testing.T) {
	for name, spoil := range map[string]func(*state){
		"newer version":    func(st *state) { st.Version = 2 },
		"relative dir":     func(st *state) { st.Dir = "x/lab" },
		"dir with dots":    func(st *state) { st.Dir = "/x/../etc" },
		"no subnet":        func(st *state) { st.Subnet = "" },
		"node leads out":   func(st *state) { st.Nodes[0].Name = "../../etc" },
		"node has no name": func(st *state) { st.Nodes[0].Name = "" },
		"foreign role":     func(st *state) { st.Nodes[0].Role = "king" },
		"no address":       func(st *state) { st.Nodes[0].Address = netip.Addr{} },
		"IPv6 address":     func(st *state) { st.Nodes[0].Address = netip.MustParseAddr("fd00::1") },
	} {
		t.Run(name, func(t *testing.T) {
			st := sample()
			spoil(&st)
			if _, err := parseState(encode(t, st)); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func FuzzState(f *testing.F) {
	f.Add(encode(f, sample()))
	f.Add([]byte(`{"version":1,"dir":"/x","subnet":"10.0.0.0/8"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		st, err := parseState(data)
		if err != nil {
			return
		}
		for _, n := range st.Nodes {
			if filepath.Base(n.Name) != n.Name || strings.HasPrefix(n.Name, ".") {
				t.Errorf("node name %q accepted", n.Name)
			}
		}
		again, err := parseState(encode(t, st))
		if err != nil {
			t.Fatalf("own output refused: %v", err)
		}
		if diff := cmp.Diff(st, again, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestReadState(t *testing.T) {
	dir := t.TempDir()
	if _, err := readState(dir); !errors.Is(err, ErrNoLab) {
		t.Errorf("empty directory: %v", err)
	}
	if err := os.WriteFile(statePath(dir), encode(t, sample()), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readState(dir); err == nil || errors.Is(err, ErrNoLab) {
		t.Errorf("a lab.json of another directory: %v", err)
	}
	st := sample()
	st.Dir = dir
	if err := st.write(); err != nil {
		t.Fatal(err)
	}
	if _, err := readState(dir); err != nil {
		t.Errorf("own lab.json: %v", err)
	}
}
