package cli_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/swarmdr/swarmdr/internal/store/file"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// want ends the script unless it calls a command as the usage says.
func want(ts *testscript.TestScript, neg bool, args []string, usage string) {
	if neg || len(args) != len(strings.Fields(usage))-1 {
		ts.Fatalf("usage: %s", usage)
	}
}

// fixture copies a recorded swarm directory and what lies beside it.
func fixture(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, "fixture NAME DIR")
	ts.Check(os.CopyFS(ts.MkAbs(args[1]), os.DirFS(filepath.Join(fixtures, args[0]))))
}

// configure adds a line to the configuration.
func configure(ts *testscript.TestScript, neg bool, args []string) {
	f, err := os.OpenFile(ts.Getenv("SWARMDR_CONFIG"), os.O_APPEND|os.O_WRONLY, 0)
	ts.Check(err)
	_, err = fmt.Fprintln(f, strings.Join(args, " "))
	ts.Check(err)
	ts.Check(f.Close())
}

// backup makes a snapshot of a fixture's copy in $WORK/store, without an
// engine as a hot one can be, and puts its name into $NAME.
func backup(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, "backup DIR")
	with, ok := ts.Value("sealing").(sealing)
	if !ok {
		ts.Fatalf("no recipient and no signer")
	}
	recipients, err := snapshot.ParseRecipients([]string{with.recipient})
	ts.Check(err)
	m, err := snapshot.Backup(context.Background(), snapshot.BackupOptions{
		Dir: ts.MkAbs(args[0] + "/swarm"), ScratchDir: ts.Getenv("TMPDIR"), Mode: snapshot.Hot,
		Key: unlockKey(ts, args[0]), Store: file.New(ts.MkAbs("store")), Recipients: recipients, Signer: with.signer,
		Tool: "swarmdr script", Hostname: "m3", Progress: func(string) {},
	})
	ts.Check(err)
	ts.Setenv("NAME", string(m.Name))
}

func unlockKey(ts *testscript.TestScript, dir string) unlock.Key {
	text, err := os.ReadFile(ts.MkAbs(dir + "/unlock.key"))
	if os.IsNotExist(err) {
		return unlock.Key{}
	}
	ts.Check(err)
	key, err := unlock.ParseKey(string(text))
	ts.Check(err)
	return key
}

// listing writes names, modes, times and digests of all that is in a directory
// to a file.
func listing(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, "listing DIR FILE")
	var out bytes.Buffer
	dir := os.DirFS(ts.MkAbs(args[0]))
	ts.Check(fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "%s %s %d %s\n", name, info.Mode(), info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano))
		if d.IsDir() {
			return nil
		}
		data, err := fs.ReadFile(dir, name)
		fmt.Fprintf(&out, "  %x\n", sha256.Sum256(data))
		return err
	}))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), out.Bytes(), 0o600))
}

// flip turns over the bits of one byte of a file.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, "flip FILE OFFSET")
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	if at >= len(data) {
		ts.Fatalf("%s has %d bytes", args[0], len(data))
	}
	data[at] ^= 0xff
	ts.Check(os.WriteFile(path, data, 0o600))
}

// tear cuts the zeros at the end of a file and BYTES of its data, as a power
// cut in the middle of a write does.
func tear(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, "tear FILE BYTES")
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	count, err := strconv.Atoi(args[1])
	ts.Check(err)
	data = bytes.TrimRight(data, "\x00")
	ts.Check(os.WriteFile(path, data[:len(data)-count], 0o600))
}

// await returns when a file is there.
func await(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, args, "await FILE")
	limit := time.Now().Add(10 * time.Second)
	for time.Now().Before(limit) {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("no %s after 10 s", args[0])
}
