package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/swarmdr/swarmdr/internal/lab"
	"github.com/swarmdr/swarmdr/internal/lab/labtest"
)

// TestExport exports a stack from each engine, removes it, and deploys what was
// exported with the command line of that engine: all is as before.
func TestExport(t *testing.T) {
	for _, dockerd := range labtest.Engines(t) {
		f := newFixture(t, lab.Options{Autolock: true, Dockerd: dockerd})
		x := &exportTest{f, filepath.Join(filepath.Dir(filepath.Dir(dockerd)), "bin/docker")}
		version := f.node("m1").EngineVersion
		t.Run(version, func(t *testing.T) {
			x.fixture = f.with(t)
			x.prepare()
			x.testRoundTrip()
			x.testHidden()
			x.testLone()
			x.testStack("jobs", "3.10")
			x.testStack("late", "3.13")
			x.testFiles()
		})
		if err := f.lab.Down(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// exportTest is a lab with one manager, and the command line of its engine.
type exportTest struct {
	*fixture
	docker string
}

// allBytes is what a secret can hold, and no text can.
func allBytes() []byte {
	var all []byte
	for b := range 256 {
		all = append(all, byte(b))
	}
	return all
}

func (x *exportTest) prepare() {
	x.Helper()
	stack, err := os.ReadFile("testdata/shop.yaml")
	if err != nil {
		x.Fatal(err)
	}
	x.write(x.path("shop.yaml"), string(stack))
	x.write(x.path("bytes"), string(allBytes()))
	x.write(x.path("page"), canary+"{{ .Service.Name }}\r\n\x00")
	x.write(x.path("shared"), canary+"shared")
	x.run1(0, "network", "create", "--driver", "overlay", "--attachable", "proxy")
	x.run1(0, "secret", "create", "shared", x.path("shared"))
	x.run1(0, "stack", "deploy", "-c", x.path("shop.yaml"), "shop")
}

func (x *exportTest) path(name string) string { return filepath.Join(x.dir, name) }

// run1 runs docker and wants an exit code.
func (x *exportTest) run1(want int, args ...string) string {
	x.Helper()
	return x.runWith(want, nil, args...)
}

func (x *exportTest) runWith(want int, env []string, args ...string) string {
	x.Helper()
	cmd := x.node("m1").Command(x.Context(), x.docker, args...)
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != want {
		x.Fatalf("%s %s: %v, want %d\n%s", x.docker, strings.Join(args, " "), err, want, out)
	}
	return string(out)
}

// export is of the live manager.
func (x *exportTest) export(out string, args ...string) string {
	x.Helper()
	return x.on("m1", append([]string{"log", "export"}, append(args, "--out", out, "--unlock-key-file", x.lab.UnlockKeyFile())...)...)
}

// testRoundTrip also exports what it deployed: it is the same file.
func (x *exportTest) testRoundTrip() {
	first := x.path("first")
	before := x.deployed("shop")
	x.export(first, "stack", "shop", "--reveal")
	index := x.index()
	x.remove("stack", "rm", "shop")
	undone := x.path("undone") // of what is no more
	x.export(undone, "stack", "shop", "--reveal", "--at", index)
	x.wantSameFiles(first, undone)
	x.run1(0, "stack", "deploy", "-c", filepath.Join(undone, "compose.yaml"), "shop")
	if diff := cmp.Diff(x.tree(before), x.tree(x.deployed("shop"))); diff != "" {
		x.Errorf("after the deployment of the export:\n%s\nit is\n%s", diff, x.read(filepath.Join(first, "compose.yaml")))
	}
	if len(before.Services) != 4 || len(before.Networks) != 2 || len(before.Configs) != 1 || len(before.Secrets) != 2 {
		x.Errorf("the stack had no more than %v", before)
	}
	second := x.path("second")
	x.export(second, "stack", "shop", "--reveal")
	x.wantSameFiles(first, second)
	x.wantSecretInTask()
}

func (x *exportTest) wantSameFiles(a, b string) {
	x.Helper()
	for _, name := range []string{"compose.yaml", "secrets/shop_bytes", "secrets/shop_unused", "secrets/shared", "configs/shop_page"} {
		if diff := cmp.Diff(x.read(filepath.Join(a, name)), x.read(filepath.Join(b, name))); diff != "" {
			x.Errorf("%s of %s and %s differ:\n%s", name, a, b, diff)
		}
	}
}

// index is that of the last entry in the log.
func (x *exportTest) index() string {
	x.Helper()
	var state struct {
		Index json.Number `json:"index"`
	}
	x.decode(x.on("m1", "log", "state", "-o", "json", "--unlock-key-file", x.lab.UnlockKeyFile()), &state)
	return state.Index.String()
}

func (x *exportTest) read(path string) string {
	x.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		x.Fatal(err)
	}
	return string(data)
}

// wantSecretInTask looks at what the task of web sees.
func (x *exportTest) wantSecretInTask() {
	x.Helper()
	var pid string
	defer func() {
		if x.Failed() {
			x.Log(x.run1(0, "service", "ps", "--no-trunc", "shop_web"))
		}
	}()
	x.eventually("a task of shop_web runs", func() bool {
		id := strings.TrimSpace(x.run1(0, "ps", "-q", "--no-trunc", "--filter", "label=com.docker.swarm.service.name=shop_web"))
		if id == "" || strings.Contains(id, "\n") {
			return false
		}
		pid = strings.TrimSpace(x.run1(0, "inspect", "--format", "{{.State.Pid}}", id))
		return pid != "0"
	})
	for path, want := range map[string]string{
		"/run/secrets/bytes": string(allBytes()),
		"/etc/shared":        canary + "shared",
		"/etc/page":          canary + "shop_web\r\n\x00",
	} {
		if got := x.read("/proc/" + pid + "/root" + path); got != want {
			x.Errorf("the task sees %q in %s, want %q", got, path, want)
		}
	}
}

// testHidden deploys an export without values over the stack: with them in the
// environment nothing changes, without them docker refuses.
func (x *exportTest) testHidden() {
	dir := x.path("hidden")
	before := x.deployed("shop")
	out := x.export(dir, "stack", "shop", "-o", "json")
	var p struct{ Variables, Files []string }
	x.decode(out, &p)
	text := x.read(filepath.Join(dir, "compose.yaml"))
	if len(p.Files) != 1 || strings.Contains(text, canary) || strings.Contains(text, "password=") {
		x.Errorf("without --reveal %v has\n%s", p.Files, text)
	}
	if out := x.run1(1, "stack", "deploy", "-c", filepath.Join(dir, "compose.yaml"), "shop"); !strings.Contains(out, "its value was not exported") {
		x.Errorf("without the variables docker says\n%s", out)
	}
	x.runWith(0, x.values(before, p.Variables), "stack", "deploy", "-c", filepath.Join(dir, "compose.yaml"), "shop")
	if diff := cmp.Diff(x.tree(before), x.tree(x.deployed("shop"))); diff != "" {
		x.Errorf("with the variables:\n%s", diff)
	}
}

// values are those of the variables of an export.
func (x *exportTest) values(d deployment, variables []string) []string {
	x.Helper()
	known := map[string]string{
		"WEB_LOGGING_MAX_SIZE": "1m", "WEB_LOGGING_MAX_FILE": "2",
		"VOLUME_DATA_TYPE": "tmpfs", "VOLUME_DATA_DEVICE": "tmpfs", "VOLUME_DATA_O": "size=1m",
	}
	for _, entry := range d.Services["shop_web"].TaskTemplate.ContainerSpec.Env {
		name, value, _ := strings.Cut(entry, "=")
		known["WEB_"+name] = value
	}
	for option, value := range map[string]string{"TYPE": "nfs", "O": "addr=10.0.0.1,password=$p", "DEVICE": ":/x"} {
		known["VOLUME____SERVICE_NAME___NFS_"+option] = value
	}
	var env []string
	for _, v := range variables {
		value, ok := known[v]
		if !ok {
			x.Fatalf("unknown variable %s", v)
		}
		env = append(env, v+"="+value)
	}
	return env
}

// testLone exports a service of no stack.
func (x *exportTest) testLone() {
	x.run1(0, "secret", "create", "lone", x.path("shared"))
	x.run1(0, "service", "create", "--detach", "--name", "one_lone", "--replicas", "0", "--network", "proxy", "--secret", "lone",
		"--env", canary+"A=1", "--mount", "type=volume,source=v,target=/v", "--publish", "mode=host,target=1,published=2",
		"--limit-memory", "64m", "--group", "7", "--host", "a:10.0.0.1", "swarmdr/task:1")
	before := x.service("one_lone")
	_, stderr, code := x.try("m1", "log", "export", "service", "one_lone", "--reveal", "--out", x.path("lone"), "--unlock-key-file", x.lab.UnlockKeyFile())
	if code != 0 || !strings.Contains(stderr, "not exported: service one_lone: task.container.groups\n") {
		x.Errorf("exit %d\n%s", code, stderr)
	}
	x.run1(0, "service", "rm", "one_lone")
	x.run1(0, "stack", "deploy", "-c", x.path("lone/compose.yaml"), "one")
	after := x.service("one_lone")
	// What a stack adds, and what Compose does not know.
	for _, labels := range []map[string]string{after.Labels, after.TaskTemplate.ContainerSpec.Labels} {
		delete(labels, "com.docker.stack.namespace")
		delete(labels, "com.docker.stack.image")
	}
	after.TaskTemplate.Networks[0].Aliases = nil
	before.TaskTemplate.ContainerSpec.Groups = nil
	if diff := cmp.Diff(prune(x.tree(before)), prune(x.tree(after))); diff != "" {
		x.Errorf("after the deployment of the export:\n%s", diff)
	}
	x.remove("stack", "rm", "one")
}

// testStack is a round trip where the command line knows the version of the
// file; where it does not, it has to refuse it.
func (x *exportTest) testStack(stack, version string) {
	file := "testdata/" + stack + ".yaml"
	cmd := x.node("m1").Command(x.Context(), x.docker, "stack", "deploy", "-c", file, stack)
	if out, err := cmd.CombinedOutput(); err != nil {
		if !strings.Contains(string(out), "unsupported Compose file version") {
			x.Errorf("docker refuses %s in other words: %s", file, out)
		}
		return
	}
	x.Logf("%s knows %s", x.docker, file)
	before := x.deployed(stack)
	x.export(x.path(stack), "stack", stack, "--reveal")
	x.remove("stack", "rm", stack)
	again := filepath.Join(x.path(stack), "compose.yaml")
	x.run1(0, "stack", "deploy", "-c", again, stack)
	if diff := cmp.Diff(x.tree(before), x.tree(x.deployed(stack))); diff != "" || !strings.Contains(x.read(again), "\nversion: \""+version+"\"\n") {
		x.Errorf("after the deployment of the export:\n%s\nit is\n%s", diff, x.read(again))
	}
	x.remove("stack", "rm", stack)
}

// testFiles: one secret, byte for byte.
func (x *exportTest) testFiles() {
	if got := x.export("-", "secret", "shop_bytes", "--reveal"); !bytes.Equal([]byte(got), allBytes()) {
		x.Errorf("stdout has %q", got)
	}
	x.export(x.path("again"), "secret", "shop_bytes", "--reveal")
	if got := x.read(x.path("again")); got != string(allBytes()) {
		x.Errorf("the file has %q", got)
	}
}
