package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/swarmdr/swarmdr/internal/cli"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

const fixtures = "../../testfixtures/swarm"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"swarmdr":  func() { os.Exit(cli.Main(os.Args[1:], cli.StandardStreams())) },
		"exits":    exits,
		"isolated": isolated,
	})
}

// TestScripts runs the command line as a person would. No script reaches an
// engine, a network, or a file outside of its own directory.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Setup: setup,
		Condition: func(cond string) (bool, error) {
			if cond != "root" {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			return os.Geteuid() == 0, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fixture":   fixture,
			"configure": configure,
			"backup":    backup,
			"listing":   listing,
			"flip":      flip,
			"tear":      tear,
			"segments":  segments,
			"await":     await,
		},
	})
}

// sealing is what a script's snapshots are sealed to and signed with.
type sealing struct{ recipient, signer string }

// setup gives a script a home, a configuration whose daemon does not exist, and
// the identity and the verifier of the snapshots that it will make.
func setup(env *testscript.Env) error {
	identity, recipient, err := snapshot.GenerateIdentity()
	if err != nil {
		return err
	}
	signer, verifier, err := snapshot.GenerateSigner("swarmdr/script")
	if err != nil {
		return err
	}
	env.Values["sealing"] = sealing{recipient, signer}
	for name, value := range map[string]string{
		"HOME":           filepath.Join(env.WorkDir, "home"),
		"SWARMDR_CONFIG": filepath.Join(env.WorkDir, "config.yaml"),
		"RECIPIENT":      recipient,
		"VERIFIER":       verifier,
		"GORACE":         "atexit_sleep_ms=0",
	} {
		env.Setenv(name, value)
	}
	config := "host: unix://" + env.WorkDir + "/none.sock\n" +
		"state_dir: " + env.WorkDir + "/state\n" +
		"stores: [file://" + env.WorkDir + "/store]\n"
	return writeFiles(env.WorkDir, map[string]string{"config.yaml": config, "identity.txt": identity + "\n"})
}

func writeFiles(dir string, files map[string]string) error {
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}
