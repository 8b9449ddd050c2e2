package engine_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"reflect"
	"testing"

	"github.com/swarmdr/swarmdr/internal/quorum/probe"
)

const probeOutEnv = "ENGINE_TEST_PROBE_OUT"

// TestProbeProcess is no test: it is what runs inside a node's network and
// probes the addresses given as arguments.
func TestProbeProcess(t *testing.T) {
	out := os.Getenv(probeOutEnv)
	if out == "" {
		return
	}
	var results []probed
	for _, r := range probe.Peers(t.Context(), flag.Args(), 0) {
		p := probed{Answer: r.Answer}
		if r.Err != nil {
			p.Err = r.Err.Error()
		}
		results = append(results, p)
	}
	data, err := json.Marshal(results)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, out, string(data))
}

type probed struct {
	Answer probe.Answer
	Err    string
}

func runProbe(t *testing.T, m member, args []string) []probe.Result {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := tempDir(t) + "/results"
	cmd := m.Command(t.Context(), self, args...)
	cmd.Env = append(cmd.Env, probeOutEnv+"="+out)
	if words, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("probe from %s: %v: %s", m.Name, err, words)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var answers []probed
	if err := json.Unmarshal(data, &answers); err != nil {
		t.Fatal(err)
	}
	var results []probe.Result
	for _, p := range answers {
		r := probe.Result{Answer: p.Answer}
		if p.Err != "" {
			r.Err = errors.New(p.Err)
		}
		results = append(results, r)
	}
	return results
}

func equalJSON(t *testing.T, a, b any) bool {
	t.Helper()
	var plain [2]any
	for i, v := range []any{a, b} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &plain[i]); err != nil {
			t.Fatal(err)
		}
	}
	return reflect.DeepEqual(plain[0], plain[1])
}
