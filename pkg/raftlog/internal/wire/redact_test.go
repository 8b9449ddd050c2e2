package wire_test

import (
	"encoding/base64"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/swarmkit/v2/api"

	"github.com/swarmdr/swarmdr/pkg/raftlog/internal/wire"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/hidden.txt and shown.txt anew; read every line that moved before you commit them")

// planted remembers which canary lies at which path.
type planted map[string]string

func (p planted) text(kind string) func(string) string {
	return func(path string) string {
		canary := fmt.Sprintf("swarmdr-canary-%05d-canary", len(p))
		p[canary] = kind + path
		return canary
	}
}

// plant fills every field of a message, with members of its oneofs as the seed
// has it.
func (p planted) plant(s sample, seed uint64) message {
	f := newFiller(seed, 100)
	f.text = p.text(s.name)
	m := s.empty()
	f.fill(m)
	return m
}

// canariesIn finds canaries in clear, base64 and hex.
func canariesIn(text string) map[string]bool {
	found := map[string]bool{}
	for _, form := range []struct {
		prefix, rest string
		decode       func(string) ([]byte, error)
	}{
		{"swarmdr-canary-", "00000-canary", func(s string) ([]byte, error) { return []byte(s), nil }},
		{"c3dhcm1kci1jYW5hcnkt", "MDAwMDAtY2FuYXJ5", base64.StdEncoding.DecodeString},
		{"737761726d64722d63616e6172792d", "30303030302d63616e617279", hex.DecodeString},
	} {
		parts := strings.Split(text, form.prefix)
		for _, part := range parts[1:] {
			word, err := form.decode(form.prefix + part[:min(len(part), len(form.rest))])
			if err == nil {
				found[string(word)] = true
			}
		}
	}
	return found
}

// objects are the samples that are no containers of others.
func objects() []sample {
	return slices.DeleteFunc(samples(), func(s sample) bool {
		return slices.Contains([]string{"InternalRaftRequest", "StoreAction", "Snapshot", "StoreSnapshot", "ServiceSpec"}, s.name)
	})
}

// sorted returns the paths that hold a canary, by whether they are shown.
func sorted(t *testing.T) (hidden, shown []string) {
	verdict := map[string]bool{}
	for _, s := range objects() {
		for seed := range uint64(60) {
			p := planted{}
			raw := marshal(t, p.plant(s, seed))
			text, err := s.shape.AppendJSON(nil, raw, false)
			must(t, err)
			found := canariesIn(string(text))
			for canary, path := range p {
				verdict[path] = verdict[path] || found[canary]
			}
		}
	}
	for path, isShown := range verdict {
		if isShown {
			shown = append(shown, path)
		} else {
			hidden = append(hidden, path)
		}
	}
	slices.Sort(hidden)
	slices.Sort(shown)
	return hidden, shown
}

// TestWhatIsHidden holds every text of every kind of object against two lists
// that somebody has read.
func TestWhatIsHidden(t *testing.T) {
	hidden, shown := sorted(t)
	if len(hidden) < 30 || len(shown) < 300 {
		t.Fatalf("%d hidden, %d shown", len(hidden), len(shown))
	}
	golden(t, "hidden.txt", hidden)
	golden(t, "shown.txt", shown)
}

func golden(t *testing.T, name string, got []string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(path, []byte(strings.Join(got, "\n")+"\n"), 0o644))
	}
	text, err := os.ReadFile(path)
	must(t, err)
	if diff := cmp.Diff(strings.Fields(string(text)), got); diff != "" {
		t.Errorf("%s:\n%s", name, diff)
	}
}

// TestHiddenEverywhere looks for the hidden canaries in all that is printed,
// of containers too.
func TestHiddenEverywhere(t *testing.T) {
	text, err := os.ReadFile("testdata/hidden.txt")
	must(t, err)
	hidden := strings.Fields(string(text))
	for _, s := range samples() {
		for seed := range uint64(15) {
			p := planted{}
			before, after := marshal(t, p.plant(s, seed)), marshal(t, p.plant(s, seed+1))
			for canary := range canariesIn(printed(t, s, before, after)) {
				if path := p[canary]; isHidden(hidden, path) {
					t.Errorf("%s is shown", path)
				}
			}
		}
	}
}

// printed is all output for two versions.
func printed(t *testing.T, s sample, before, after []byte) string {
	var out strings.Builder
	for _, pair := range [][2][]byte{{before, after}, {nil, after}, {before, nil}} {
		changes, err := s.shape.Changes(pair[0], pair[1], false)
		must(t, err)
		text, err := s.shape.AppendJSON(nil, pair[0], false)
		must(t, err)
		fmt.Fprintf(&out, "%s %+v %v\n", text, changes, err)
	}
	for n := range before {
		if _, err := s.shape.AppendJSON(nil, before[:n], false); err != nil {
			fmt.Fprintf(&out, "%v\n", err)
			break
		}
	}
	return out.String()
}

// isHidden finds the path of an object within that of what holds it.
func isHidden(hidden []string, path string) bool {
	return slices.ContainsFunc(hidden, func(h string) bool {
		kind, rest, _ := strings.Cut(h, ".")
		return h == path || strings.HasSuffix(path, "."+kind+"."+rest) || strings.HasSuffix(path, "."+kind+"s."+rest)
	})
}

func TestRevealed(t *testing.T) {
	for _, s := range samples() {
		p := planted{}
		text, err := s.shape.AppendJSON(nil, marshal(t, p.plant(s, 1)), true)
		must(t, err)
		found := canariesIn(string(text))
		for canary, path := range p {
			if !found[canary] {
				t.Errorf("%s is not revealed", path)
			}
		}
	}
}

func TestVariablesKeepTheirNames(t *testing.T) {
	c := &api.ContainerSpec{
		Env:    []string{"NAME=swarmdr-canary-1", "EMPTY=", "A=b=swarmdr-canary-2", "swarmdr-canary-3", "\"=swarmdr-canary-4"},
		Labels: map[string]string{"env": "shown-1", "data": "shown-2"},
	}
	text, err := wire.Type("ContainerSpec").AppendJSON(nil, marshal(t, c), false)
	must(t, err)
	want := `{"labels":{"data":"shown-2","env":"shown-1"},` +
		`"env":["NAME=(redacted)","EMPTY=(redacted)","A=(redacted)","(redacted)","\"=(redacted)"]}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}
