package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"

	"github.com/swarmdr/swarmdr/internal/durable"
)

const stateVersion = 1

// state is DIR/lab.json. It is complete before the first namespace is made, so
// that whatever happens next can be undone from it.
type state struct {
	Version  int         `json:"version"`
	Dir      string      `json:"dir"`
	MadeDir  string      `json:"made_dir"` // the topmost directory that Up made
	Subnet   string      `json:"subnet"`
	Autolock bool        `json:"autolock"`
	Swarmdr  string      `json:"swarmdr"`
	Nodes    []nodeState `json:"nodes"`
}

type nodeState struct {
	Name          string     `json:"name"`
	Role          Role       `json:"role"`
	Address       netip.Addr `json:"address"`
	Dockerd       string     `json:"dockerd"`
	EngineVersion string     `json:"engine_version"`
}

func statePath(dir string) string { return filepath.Join(dir, "lab.json") }

func readState(dir string) (state, error) {
	data, err := os.ReadFile(statePath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, fmt.Errorf("%w in %s", ErrNoLab, dir)
	}
	if err != nil {
		return state{}, fmt.Errorf("read lab: %v", err)
	}
	st, err := parseState(data)
	if err != nil {
		return state{}, fmt.Errorf("read lab %s: %w", statePath(dir), err)
	}
	if st.Dir != dir {
		return state{}, fmt.Errorf("read lab %s: it was made in %s", statePath(dir), st.Dir)
	}
	return st, nil
}

// parseState is strict: Down removes what this file names.
func parseState(data []byte) (state, error) {
	st := state{}
	if err := json.Unmarshal(data, &st); err != nil {
		return st, fmt.Errorf("parse: %v", err)
	}
	if st.Version != stateVersion {
		return st, fmt.Errorf("version %d, want %d", st.Version, stateVersion)
	}
	if !filepath.IsAbs(st.Dir) || filepath.Clean(st.Dir) != st.Dir {
		return st, fmt.Errorf("dir %q is not absolute", st.Dir)
	}
	if _, err := parseSubnet(st.Subnet); err != nil {
		return st, err
	}
	for _, n := range st.Nodes {
		if err := n.validate(); err != nil {
			return st, err
		}
	}
	return st, nil
}

func (n nodeState) validate() error {
	if ok, _ := regexp.MatchString(`^[mw][1-9][0-9]?$`, n.Name); !ok {
		return fmt.Errorf("node name %q", n.Name)
	}
	if n.Role != Manager && n.Role != Worker {
		return fmt.Errorf("role %q of node %s", n.Role, n.Name)
	}
	if !n.Address.Is4() {
		return fmt.Errorf("address of node %s", n.Name)
	}
	return nil
}

func (st state) write() error {
	data, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(statePath(st.Dir), append(data, '\n'), 0o644)
}
