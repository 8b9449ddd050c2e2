package cli

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// use is how a command is run on the planted swarm. OUT stands for a path that
// does not exist yet, SOURCE for each of the sources that a command reads, KEY
// for the unlock key.
type use struct {
	args string
	// code is what it ends with; -1 where it needs an engine, which there is not.
	code int
	// prints and writes name the secrets that are its very answer, on stdout or in
	// a file.
	prints, writes []string
	// reveals tells that with --reveal something is shown.
	reveals bool
}

// uses is the table of all commands that read a log, a snapshot or a key.
func uses(p *planted) map[string][]use {
	return map[string][]use{
		"log verify": {{args: "SOURCE KEY"}, {args: "SOURCE --no-key"}},
		"log show": {
			{args: "SOURCE KEY", reveals: true}, {args: "SOURCE KEY --kind service --op update", reveals: true},
			{args: "SOURCE KEY --stack shop --since 1h", reveals: true}, {args: "SOURCE KEY --name gone_secret", reveals: true},
		},
		"log state": slices.Concat(
			[]use{{args: "SOURCE KEY"}, {args: fmt.Sprintf("service --at %d SOURCE KEY", p.before), reveals: true}},
			stateUses(), []use{{args: "services shop_web SOURCE KEY", reveals: true}, {args: "secret shop_secret SOURCE KEY", reveals: true}},
		),
		"log diff": {
			{args: fmt.Sprintf("%d SOURCE KEY", p.before), reveals: true}, {args: fmt.Sprintf("%d SOURCE KEY --all", p.before), reveals: true},
			{args: "2 SOURCE KEY --all"}, {args: fmt.Sprintf("2 %d SOURCE KEY", p.before)},
		},
		"log export stack":   {{args: "shop --out OUT SOURCE KEY", reveals: true}, {args: fmt.Sprintf("gone --at %d --out OUT SOURCE KEY", p.before), reveals: true}},
		"log export service": {{args: "shop_web --out OUT SOURCE KEY", reveals: true}},
		"log export secret":  {{args: "shop_secret --out OUT SOURCE KEY", code: exitUsage, reveals: true}, {args: "shop_secret --out - SOURCE KEY", code: exitUsage, reveals: true}},
		"log export config":  {{args: "shop_config --out OUT SOURCE KEY", code: exitUsage, reveals: true}},
		"log rewind":         {{args: fmt.Sprintf("--to %d --out OUT SOURCE KEY", p.before)}},
		"key check":          {{args: "SOURCE KEY"}},
		"key escrow":         {{args: "-r " + p.token + " --dir " + p.dir + " --out OUT KEY"}},
		"key open":           {{args: p.escrow + " -i " + p.identity, prints: []string{"unlock key", "KEK"}}},
		"key strip":          {{args: "--out OUT SOURCE KEY", writes: []string{"DEK", "private key", "a private key"}}},
		"key new":            {{args: "OUT", writes: []string{"an identity"}}},
		"key rotate":         {{args: "--out OUT -r " + p.token + " KEY", code: -1}},
		"key unlock":         {{args: "KEY", code: -1}, {args: "KEY --manager m2=unix:///none.sock --timeout 1s", code: -1}},
		"snapshot list":      {{args: ""}, {args: "--long"}},
		"snapshot show":      {{args: "latest"}},
		"snapshot verify":    {{args: "latest"}, {args: "latest -i " + p.identity + " KEY"}, {args: "--all -i " + p.identity + " KEY"}},
		"snapshot fetch":     {{args: "latest --out OUT -i " + p.identity + " KEY"}},
		"snapshot copy":      {{args: "latest --to file://OUT"}},
		"snapshot reseal":    {{args: "latest --to file://OUT -r " + p.token + " -i " + p.identity}},
		"snapshot drain":     {{args: ""}},
		"snapshot protect":   {{args: "latest --reason test", code: -1}},
		"snapshot unprotect": {{args: "latest"}},
		"snapshot expire":    {{args: "--keep-last 1"}},
		"store check":        {{args: ""}},
		"backup":             {{args: "--mode hot -r " + p.token + " KEY", code: -1}},
		"quorum":             {{args: "KEY", code: -1}},
		"recover plan":       {{args: "--dir " + p.dir + " KEY", code: -1}},
		"recover run":        {{args: "--confirm none --dir " + p.dir + " KEY", code: -1}},
		"recover status":     {{args: "", code: -1}},
	}
}

func stateUses() []use {
	var all []use
	for _, kind := range []string{"cluster", "node", "service", "network", "task", "secret", "config", "resource", "extension", "volume"} {
		all = append(all, use{args: kind + " SOURCE KEY", reveals: kind != "node" && kind != "extension" && kind != "network"})
	}
	return all
}

// readNothing are the commands that read neither log nor snapshot nor key.
func readNothing() []string {
	return []string{
		"version", "lab up", "lab down", "lab ls", "lab exec", "lab kill", "lab stop", "lab start", "lab partition", "lab heal",
	}
}

// TestEveryCommandIsInTheTable fails for a new command until it is looked at.
func TestEveryCommandIsInTheTable(t *testing.T) {
	table := uses(&planted{})
	for _, c := range commands(testTree(t)) {
		name := strings.TrimPrefix(c.CommandPath(), "swarmdr ")
		if _, listed := table[name]; listed == slices.Contains(readNothing(), name) {
			t.Errorf("%s: add it to uses, or to readNothing if it reads no log, no snapshot and no key", name)
		}
	}
	if len(table) < 23 {
		t.Errorf("%d commands in the table", len(table))
	}
}

// TestNoCommandShowsSecrets runs every command in every form, well and with a
// wrong key, without one and on a damaged log, and looks for every secret in what
// it prints and writes.
func TestNoCommandShowsSecrets(t *testing.T) {
	p := plant(t)
	p.run(t, "key", "escrow", "--unlock-key-file", p.keyFile, "--dir", p.dir, "-r", p.token, "--out", p.escrow)
	for name, all := range uses(p) {
		t.Run(name, func(t *testing.T) {
			for _, u := range all {
				for _, form := range formsOf(t, name) {
					p.look(t, u, name, form)
				}
			}
		})
	}
}

// formsOf are the forms of output that a command says it has.
func formsOf(t *testing.T, name string) []string {
	t.Helper()
	flag := commandOf(t, name).Flags().Lookup("output")
	if flag == nil {
		t.Fatalf("%s has no forms of output", name)
	}
	_, words, _ := strings.Cut(flag.Usage, ": ")
	forms := strings.FieldsFunc(strings.ReplaceAll(words, " or ", ", "), func(r rune) bool { return r == ',' || r == ' ' })
	if !slices.Contains(forms, "json") || !slices.Contains(forms, "table") {
		t.Fatalf("%s has the forms %q", name, forms)
	}
	return forms
}

func commandOf(t *testing.T, name string) *cobra.Command {
	t.Helper()
	c, _, err := testTree(t).Find(strings.Fields(name))
	noError(t, err)
	return c
}

// look runs a use from each source: as it should be, and in some ways wrong.
func (p *planted) look(t *testing.T, u use, name, form string) {
	t.Helper()
	key, wrong := "--unlock-key-file "+p.keyFile, "--unlock-key-file "+p.wrongKey
	dir, damaged := "--dir "+p.dir, "--dir "+p.damaged
	latest := "--snapshot latest -i " + p.identity
	for _, with := range []struct {
		source, key string
		good        bool
	}{
		{dir, key, true}, {latest, key, true}, {dir, wrong, false}, {dir, "", false}, {damaged, key, false}, {latest, wrong, false},
		{dir, "--unlock-key-file " + p.malformed, false}, {dir, "--unlock-key-command " + p.failing, false},
	} {
		if with.source == damaged && form != "json" && name != "log verify" {
			continue // each is read again for a while, and ends in the same error
		}
		line := name + " " + u.args + " -v -o " + form
		args := strings.Fields(strings.NewReplacer("SOURCE", with.source, "KEY", with.key).Replace(line))
		code, said, written := p.runInto(t, args)
		if with.good && u.code >= 0 && code != u.code {
			t.Errorf("swarmdr %s: exit %d: %s", strings.Join(args, " "), code, said)
		}
		p.mayShow(t, args, said, u.prints)
		p.mayShow(t, args, written, u.writes)
		if with.good && u.reveals && form == "json" {
			_, said, written = p.runInto(t, append(args, "--reveal"))
			if !strings.Contains(strings.Join(p.secretsIn(said+written), " "), canaryStem) {
				t.Errorf("swarmdr %s --reveal reveals nothing", strings.Join(args, " "))
			}
		}
	}
}

func (p *planted) mayShow(t *testing.T, args []string, text string, allowed []string) {
	t.Helper()
	for _, secret := range p.secretsIn(text) {
		if !slices.Contains(allowed, secret) {
			t.Errorf("swarmdr %s shows %s", strings.Join(args, " "), secret)
		}
	}
}

// runInto runs a command with a new path in place of OUT, and returns the
// content of all it wrote there.
func (p *planted) runInto(t *testing.T, args []string) (code int, said, written string) {
	t.Helper()
	dir, err := os.MkdirTemp(p.work, "out")
	noError(t, err)
	out := filepath.Join(dir, "new")
	args = slices.Clone(args)
	for i := range args {
		if path, ok := strings.CutSuffix(args[i], "OUT"); ok {
			args[i] = path + out
		}
	}
	code, said = p.run(t, args...)
	noError(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(os.DirFS(dir), name)
		written += name + "\n" + string(bytes.TrimRight(data, "\x00")) + "\n" // segments are mostly zeros
		return err
	}))
	noError(t, os.RemoveAll(dir))
	return code, said, written
}

func (p *planted) run(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(args, &Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	return code, out.String() + errs.String()
}

// TestEveryCanaryIsPlanted: with --reveal the log shows every one.
func TestEveryCanaryIsPlanted(t *testing.T) {
	p := plant(t)
	_, said := p.run(t, "log", "show", "--dir", p.dir, "--unlock-key-file", p.keyFile, "-o", "json", "--reveal")
	found := p.secretsIn(said)
	for n := 1; n <= p.canaries; n++ {
		if !slices.Contains(found, canary(n)) {
			t.Errorf("%s is not shown", canary(n))
		}
	}
	if p.canaries < 100 {
		t.Errorf("only %d canaries", p.canaries)
	}
}
