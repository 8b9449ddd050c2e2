package compose_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/docker/cli/cli/compose/template"
	"github.com/gogo/protobuf/types"
	"github.com/moby/swarmkit/v2/api"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/swarmdr/swarmdr/internal/compose"
	"github.com/swarmdr/swarmdr/internal/lab/labtest"
)

// clients are Docker's own command lines that check a Compose file without a
// daemon, which 20.10 does not; internal/e2e deploys with all of them.
func clients(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, dockerd := range labtest.Engines(t) {
		docker := filepath.Join(filepath.Dir(filepath.Dir(dockerd)), "bin/docker")
		if help, err := exec.Command(docker, "stack", "config", "--help").Output(); err == nil && strings.Contains(string(help), "docker stack config") {
			found = append(found, docker)
		}
	}
	if len(found) < 2 {
		t.Fatalf("only %q have docker stack config: run testfixtures/engines.sh", found)
	}
	return found
}

// parse has docker read a project, with each of its variables set to its own
// name.
func parse(t *testing.T, docker string, p *compose.Project) string {
	t.Helper()
	cmd := exec.Command(docker, "stack", "config", "-c", "-")
	cmd.Stdin = strings.NewReader(string(p.YAML))
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix:///nowhere")
	for _, v := range p.Variables {
		cmd.Env = append(cmd.Env, v+"=value-of-"+v)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s\nof\n%s", docker, err, out, p.YAML)
	}
	return string(out)
}

// TestDockerReads wants everything in a file that has everything in it to be
// read.
func TestDockerReads(t *testing.T) {
	for _, docker := range clients(t) {
		if out := parse(t, docker, export(t, true)); strings.Contains(out, "unsupported") {
			t.Errorf("%s: %s", docker, out)
		}
		for choice := range 4 {
			svc := &api.Service{ID: "service-id"}
			filled(&svc.Spec, choice)
			if !strings.Contains(docker, "28") { // Compose 3.13 is newer than 26.1
				without313(&svc.Spec.Task)
			}
			svc.Spec.Task.GetContainer().Ulimits = []*api.ContainerSpec_Ulimit{{Name: "nofile", Soft: 1, Hard: 2}}
			p, err := compose.Service(compose.Swarm{Services: []*api.Service{svc}}, "service-id", true)
			if err != nil {
				t.Fatal(err)
			}
			wantTokens(t, docker, p)
		}
	}
}

func without313(task *api.TaskSpec) {
	c := task.GetContainer()
	c.OomScoreAdj = 0
	for _, n := range task.Networks {
		n.DriverAttachmentOpts = nil
	}
	for i := range c.Mounts {
		c.Mounts[i].VolumeOptions.Subpath = ""
	}
}

var token = regexp.MustCompile(`(text|key)\d+`)

func wantTokens(t *testing.T, docker string, p *compose.Project) {
	t.Helper()
	out := parse(t, docker, p)
	_, body, _ := strings.Cut(string(p.YAML), "\nversion:")
	for _, want := range token.FindAllString(body, -1) {
		if !regexp.MustCompile(want + `\b`).MatchString(out) {
			t.Errorf("%s does not read %s in\n%s\nbut\n%s", docker, want, p.YAML, out)
		}
	}
}

// TestVariables: every value that was not exported can be given.
func TestVariables(t *testing.T) {
	p := export(t, false)
	for _, docker := range clients(t) {
		out := parse(t, docker, p)
		for _, v := range p.Variables {
			if !strings.Contains(out, "value-of-"+v) {
				t.Errorf("%s: no value of %s in\n%s", docker, v, out)
			}
		}
		cmd := exec.Command(docker, "stack", "config", "-c", "-")
		cmd.Stdin = strings.NewReader(string(p.YAML))
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "its value was not exported") {
			t.Errorf("%s without the variables: %v\n%s", docker, err, out)
		}
	}
}

// TestText: any text comes out of YAML and Docker's variables as it went in.
func TestText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.OneOf(rapid.String(), rapid.StringMatching(`[-yn~:#{}$"'0-9oxe. _/+\n\t=<&*!|>%@,\[\]]{1,8}`)).Draw(t, "text")
		svc := attached()[0]
		c := svc.Spec.Task.GetContainer()
		c.Args, c.Labels = []string{want}, map[string]string{"a" + want: want}
		c.Init = &types.BoolValue{}
		p, err := compose.Service(compose.Swarm{Services: []*api.Service{svc}}, "shop_web", true)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Services map[string]struct {
				Command []string
				Labels  map[string]string
			}
		}
		if err := yaml.Unmarshal(p.YAML, &file); err != nil {
			t.Fatal(err)
		}
		read := file.Services["web"]
		for _, escaped := range []string{read.Command[0], read.Labels["a"+want]} {
			got, err := template.Substitute(escaped, func(string) (string, bool) { return "wrong", true })
			if err != nil || got != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		}
	})
}
