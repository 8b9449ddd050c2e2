package compose_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gogo/protobuf/types"
	"github.com/google/go-cmp/cmp"
	"github.com/moby/swarmkit/v2/api"
	"github.com/swarmdr/swarmdr/internal/compose"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the expected files; commit the changes only if you know their cause")

// TestGolden compares whole files.
func TestGolden(t *testing.T) {
	for _, test := range []struct {
		file   string
		reveal bool
		export func(compose.Swarm, string, bool) (*compose.Project, error)
		name   string
	}{
		{"stack.yaml", false, compose.Stack, "shop"},
		{"stack-reveal.yaml", true, compose.Stack, "shop"},
		{"service.yaml", true, compose.Service, "shop_job"},
		{"lone.yaml", false, compose.Service, "lone"},
		{"lone-reveal.yaml", true, compose.Service, "s3"},
	} {
		t.Run(test.file, func(t *testing.T) {
			p, err := test.export(shop(), test.name, test.reveal)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", test.file)
			if *rewrite {
				if err := os.WriteFile(path, p.YAML, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(p.YAML)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestRedacted wants no value without being asked for one, in nothing that can
// be printed; registry auth never.
func TestRedacted(t *testing.T) {
	hidden := export(t, false)
	if all := everything(hidden); strings.Contains(all, canary) || len(hidden.Files) > 0 {
		t.Errorf("a value is shown in\n%s", all)
	}
	shown := export(t, true)
	if strings.Contains(string(shown.YAML), canary+"registry") || strings.Contains(words(shown), canary) {
		t.Errorf("registry auth or a value in words:\n%s", everything(shown))
	}
	for _, value := range []string{"env", "$$path", "bare", "volume", "log", "driver"} {
		if !strings.Contains(string(shown.YAML), canary+value) {
			t.Errorf("no %s in\n%s", value, shown.YAML)
		}
	}
}

func export(t *testing.T, reveal bool) *compose.Project {
	t.Helper()
	p, err := compose.Stack(shop(), "shop", reveal)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// everything is what p shows but for the bytes of its files.
func everything(p *compose.Project) string { return string(p.YAML) + words(p) }

// words may be printed whether values were asked for or not.
func words(p *compose.Project) string {
	return strings.Join(slices.Concat(p.NotExported, p.Notes, p.Variables), "\n") + fmt.Sprintf("%v %+v %#v", p.Files, p.Files, p.Files)
}

func TestFiles(t *testing.T) {
	want := []compose.File{
		{"configs/shop_page-v3", []byte(canary + "config")},
		{"secrets/shop_password", []byte(canary + "secret\x00\xff")},
		{"secrets/shared", []byte(canary + "shared")},
	}
	if diff := cmp.Diff(want, export(t, true).Files); diff != "" {
		t.Error(diff)
	}
}

func TestErrors(t *testing.T) {
	odd := shop()
	odd.Secrets[0].Spec.Annotations.Name = "../shadow"
	for _, test := range []struct {
		name string
		err  error
		run  func() error
	}{
		{"no such stack", compose.ErrNotFound, func() error { _, err := compose.Stack(shop(), "nope", false); return err }},
		{"services of no stack are no stack", compose.ErrNotFound, func() error { _, err := compose.Stack(shop(), "", false); return err }},
		{"no such service", compose.ErrNotFound, func() error { _, err := compose.Service(shop(), "web", false); return err }},
		{"plugin", compose.ErrNotContainer, func() error { _, err := compose.Service(shop(), "plugin", false); return err }},
		{"file outside", compose.ErrName, func() error { _, err := compose.Stack(odd, "shop", true); return err }},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := test.run(); !errors.Is(err, test.err) {
				t.Errorf("got %v, want %v", err, test.err)
			}
		})
	}
}

// TestSwarmUnchanged: the caller goes on using what it handed in.
func TestSwarmUnchanged(t *testing.T) {
	s := shop()
	if _, err := compose.Stack(s, "shop", true); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(shop(), s); diff != "" {
		t.Error(diff)
	}
}

// TestNames: what is called alike stays apart, and what the engine would not
// call so is told.
func TestNames(t *testing.T) {
	s := shop()
	s.Networks[1].Spec.Annotations.Name = "default" // beside shop_default
	s.Services[0].Spec.Annotations.Name = "web"
	s.Services[1].Spec.Annotations.Name = "shop_line\nbreak\x1b[31m"
	p, err := compose.Stack(s, "shop", false)
	if err != nil {
		t.Fatal(err)
	}
	text := string(p.YAML)
	for _, want := range []string{
		"  default_2:\n    external: true\n    name: default\n",
		"docker stack deploy calls it shop_web",
		"  line_break__31m:\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b") || strings.Contains(text, "\nbreak") {
		t.Errorf("a name breaks out of its line in\n%s", text)
	}
}

// TestOldNetworks: services made before Docker 17.06 hold them themselves.
func TestOldNetworks(t *testing.T) {
	s := shop()
	spec := &s.Services[0].Spec
	spec.Networks, spec.Task.Networks = spec.Task.Networks, nil
	p, err := compose.Stack(s, "shop", true)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(export(t, true).YAML), string(p.YAML)); diff != "" {
		t.Error(diff)
	}
}

// TestVersion asks for a later Compose only where an older one would refuse the
// file or pass something over.
func TestVersion(t *testing.T) {
	for _, test := range []struct {
		version string
		change  func(*api.ContainerSpec, *api.TaskSpec)
	}{
		{"3.9", func(*api.ContainerSpec, *api.TaskSpec) {}},
		{"3.11", func(c *api.ContainerSpec, _ *api.TaskSpec) {
			c.Mounts = []api.Mount{{Type: api.MountTypeCluster, Source: "group:g", Target: "/g"}}
		}},
		{"3.12", func(c *api.ContainerSpec, _ *api.TaskSpec) {
			c.Healthcheck = &api.HealthConfig{StartInterval: types.DurationProto(1)}
		}},
		{"3.13", func(c *api.ContainerSpec, _ *api.TaskSpec) { c.Mounts[0].VolumeOptions.Subpath = "sub" }},
		{"3.13", func(c *api.ContainerSpec, _ *api.TaskSpec) { c.OomScoreAdj = -500 }},
		{"3.13", func(_ *api.ContainerSpec, task *api.TaskSpec) {
			task.Networks[0].DriverAttachmentOpts = map[string]string{"a": "b"}
		}},
	} {
		s := shop()
		task := &s.Services[0].Spec.Task
		test.change(task.GetContainer(), task)
		p, err := compose.Service(s, "shop_web", false)
		if err != nil {
			t.Fatal(err)
		}
		if want := "\nversion: \"" + test.version + "\"\n"; !strings.Contains(string(p.YAML), want) {
			t.Errorf("no %q in\n%s", want, p.YAML)
		}
	}
}
