package cli_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/swarmdr/swarmdr/internal/cli"
)

// managers are the recorded directories that hold a log, and the flags that
// open them.
func managers(t *testing.T) map[string][]string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(fixtures, "*/swarm/raft"))
	if err != nil || len(dirs) < 7 {
		t.Fatalf("%d recorded managers, want 7 or more, %v", len(dirs), err)
	}
	all := map[string][]string{}
	for _, raft := range dirs {
		dir := filepath.Dir(filepath.Dir(raft))
		all[filepath.Base(dir)] = []string{"--dir", dir + "/swarm"}
		if _, err := os.Stat(dir + "/unlock.key"); !errors.Is(err, fs.ErrNotExist) {
			all[filepath.Base(dir)] = append(all[filepath.Base(dir)], "--unlock-key-file", dir+"/unlock.key")
		}
	}
	return all
}

// run is one command line in this process; its answer and its other words.
func run(t *testing.T, args ...string) (out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := cli.Main(args, &cli.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr})
	if code != 0 {
		t.Fatalf("swarmdr %s: exit %d: %s", strings.Join(args, " "), code, &stderr)
	}
	return stdout.String(), stderr.String()
}

func emptyConfig(t *testing.T) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SWARMDR_CONFIG", path)
}

// TestFixturesAgree compares what is read from the log of each recorded manager
// with what its engine said at the time.
func TestFixturesAgree(t *testing.T) {
	emptyConfig(t)
	for name, flags := range managers(t) {
		t.Run(name, func(t *testing.T) {
			said := engineSaid(t, name)
			for kind, want := range said {
				got := objectsOf(t, kind, flags)
				if !slices.EqualFunc(got, want, sameObject) {
					t.Errorf("%s: the log holds %v, the engine said %v", kind, got, want)
				}
			}
			if len(said) != 5 || len(said["secret"]) != 2 {
				t.Errorf("the engine said no more than %v", said)
			}
		})
	}
}

type object struct{ ID, Name string }

// sameObject takes the short ids that Docker prints for ids.
func sameObject(got, want object) bool {
	return strings.HasPrefix(got.ID, want.ID) && got.Name == want.Name
}

func byName(a, b object) int { return strings.Compare(a.Name, b.Name) }

func engineSaid(t *testing.T, name string) map[string][]object {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(fixtures, name, "objects.txt"))
	if err != nil {
		t.Fatal(err)
	}
	said := map[string][]object{}
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		said[f[0]] = append(said[f[0]], object{f[1], f[2]})
	}
	for _, objects := range said {
		slices.SortFunc(objects, byName)
	}
	return said
}

func objectsOf(t *testing.T, kind string, flags []string) []object {
	t.Helper()
	out, _ := run(t, append([]string{"log", "state", kind, "-o", "json"}, flags...)...)
	var all []object
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	// Networks of the engine itself, in the log since 17.12.
	all = slices.DeleteFunc(all, func(o object) bool {
		return kind == "network" && (o.Name == "host" || o.Name == "bridge")
	})
	slices.SortFunc(all, byName)
	return all
}

// TestFixturesRedacted looks for secrets in every answer about every recorded
// manager: none is there unless asked for, and then they are.
func TestFixturesRedacted(t *testing.T) {
	emptyConfig(t)
	commands := [][]string{{"log", "show"}, {"log", "state"}}
	for _, kind := range []string{"node", "service", "network", "task", "cluster", "secret", "config"} {
		commands = append(commands, []string{"log", "state", kind})
	}
	for name, flags := range managers(t) {
		t.Run(name, func(t *testing.T) {
			for _, command := range commands {
				for _, form := range []string{"table", "json"} {
					args := slices.Concat(command, flags, []string{"-o", form, "-v"})
					out, errs := run(t, args...)
					if found := secretsIn(t, name, out+errs); len(found) > 0 {
						t.Errorf("swarmdr %s shows %q", strings.Join(args, " "), found)
					}
				}
			}
			out, _ := run(t, slices.Concat([]string{"log", "show", "-o", "json", "--reveal"}, flags)...)
			if found, want := secretsIn(t, name, out), wantSecrets(flags); len(found) != want {
				t.Errorf("--reveal shows %q, want %d of them", found, want)
			}
		})
	}
}

// wantSecrets counts those of secretsIn that a log holds: an unlock key is in
// that of an autolocked swarm alone.
func wantSecrets(flags []string) int {
	if slices.Contains(flags, "--unlock-key-file") {
		return 8
	}
	return 7
}

// secretsIn names the secrets that occur in a text, in clear or in base64.
func secretsIn(t *testing.T, fixture, text string) []string {
	t.Helper()
	secrets := []string{
		"swarmdr-canary-password", "swarmdr-canary-removed", "swarmdr-canary-last", "swarmdr-canary-config",
		"swarmdr-canary-env", "SWMTKN-1-", "-----BEGIN EC PRIVATE KEY-----\n",
	}
	var found []string
	for _, s := range secrets {
		encoded := base64.RawStdEncoding.EncodeToString([]byte(s))
		if strings.Contains(text, s) || strings.Contains(text, encoded[:len(encoded)-1]) {
			found = append(found, s)
		}
	}
	key, err := os.ReadFile(filepath.Join(fixtures, fixture, "unlock.key"))
	if errors.Is(err, fs.ErrNotExist) {
		return found
	}
	if err != nil {
		t.Fatal(err)
	}
	bare := strings.TrimPrefix(strings.TrimSpace(string(key)), "SWMKEY-1-")
	if strings.Contains(text, bare) {
		found = append(found, "the unlock key")
	}
	return found
}
