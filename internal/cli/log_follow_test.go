package cli

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/swarmgen"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// following is a follower of a swarm that the test writes.
type following struct {
	*follower
	t         *testing.T
	keyFile   string
	out, errs bytes.Buffer
}

// follow begins at the end of what the swarm has written.
func follow(t *testing.T, swarm *swarmgen.Swarm) *following {
	t.Helper()
	return followDir(t, os.DirFS(swarm.Dir), swarm.UnlockKey())
}

func followDir(t *testing.T, dir fs.FS, unlockKey string) *following {
	t.Helper()
	f := &following{t: t, keyFile: filepath.Join(t.TempDir(), "unlock.key")}
	o := &logShowOptions{}
	o.format, o.configOptions.path = "table", filepath.Join(t.TempDir(), "config.yaml")
	f.write(o.configOptions.path, "")
	src := &source{FS: dir, live: true}
	if unlockKey != "" {
		o.keyOptions.file = f.keyFile
		f.setKey(unlockKey)
		src.key = mustKey(t, unlockKey)
	}
	log, err := src.log()
	if err != nil {
		t.Fatal(err)
	}
	flt, err := o.filter()
	if err != nil {
		t.Fatal(err)
	}
	f.follower, err = newFollower(t.Context(), &Streams{Out: &f.out, Err: &f.errs}, src, log, flt, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func mustKey(t *testing.T, text string) unlock.Key {
	t.Helper()
	key, err := unlock.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (f *following) setKey(text string) { f.write(f.keyFile, text) }

func (f *following) write(path, text string) {
	f.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// wantNew reads once and wants these words, one an entry, and nothing else.
func (f *following) wantNew(notes string, words ...string) {
	f.t.Helper()
	f.errs.Reset()
	if err := f.read(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	if got := f.shown(); !equal(got, words) {
		f.t.Errorf("shown %q, want %q", got, words)
	}
	if got := f.errs.String(); !regexp.MustCompile("^" + notes + "$").MatchString(strings.TrimSpace(got)) {
		f.t.Errorf("on stderr %q, want %q", got, notes)
	}
}

func equal(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }

// shown takes what was written, without the header and all columns but the mark
// of the tail and the words.
func (f *following) shown() []string {
	f.t.Helper()
	if err := f.follower.out.Flush(); err != nil {
		f.t.Fatal(err)
	}
	var words []string
	columns := regexp.MustCompile(`^\d+(\*?) +\d+ +(?:-|\S+ \S+) +(.*)$`)
	for line := range strings.Lines(f.out.String()) {
		if m := columns.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
			words = append(words, m[1]+m[2])
		}
	}
	f.out.Reset()
	return words
}

func newSwarm(t *testing.T, o swarmgen.Options) *swarmgen.Swarm {
	t.Helper()
	swarm := swarmgen.New(t, filepath.Join(t.TempDir(), "swarm"), o)
	t.Cleanup(swarm.Close)
	return swarm
}

func TestFollowShowsWhatIsNew(t *testing.T) {
	swarm := newSwarm(t, swarmgen.Options{SegmentBytes: 8 << 10})
	f := follow(t, swarm)
	f.wantNew("")
	id := swarm.Secret("one", nil)
	f.wantNew("", "*secret one: created")
	f.wantNew("")
	swarm.RemoveSecret(id)
	swarm.Secret("two", nil)
	f.wantNew("", "secret one: removed", "*secret two: created")
	swarm.Secrets("segments", 100) // of which several are filled
	if err := f.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.shown(); len(got) != 100 {
		t.Errorf("%d entries shown, want 100", len(got))
	}
	swarm.Snapshot(0)
	swarm.Secret("behind", nil)
	f.wantNew("", "*secret behind: created")
}

// TestFollowShowsReplacedEntries: a new leader replaced what was shown.
func TestFollowShowsReplacedEntries(t *testing.T) {
	swarm := newSwarm(t, swarmgen.Options{})
	f := follow(t, swarm)
	swarm.Secret("kept", nil)
	from := swarm.Index() + 1
	swarm.Uncommitted(func() { swarm.Secrets("lost", 3) })
	f.wantNew("", "secret kept: created", "*secret lost-00: created", "*secret lost-01: created", "*secret lost-02: created")
	swarm.Overwrite(from + 1)
	f.wantNew(`entries \d+ to \d+ were replaced or dropped by a new leader, term 3`, "*a leader begins term 3")
	swarm.Secret("lost-01", nil)
	f.wantNew("", "*secret lost-01: created")
}

// TestFollowPassesOverASnapshotOfTheLeader: a manager that was away gets a raft
// snapshot instead of entries.
func TestFollowPassesOverASnapshotOfTheLeader(t *testing.T) {
	swarm := newSwarm(t, swarmgen.Options{})
	f := follow(t, swarm)
	swarm.Miss(func() { swarm.Secrets("missed", 5) })
	swarm.Receive(false)
	f.wantNew(`entries \d+ to \d+ were not seen: a raft snapshot of the leader stands for them`)
	swarm.Secret("seen", nil)
	f.wantNew("", "*secret seen: created")
}

// TestFollowHalfWrittenRecord: it is shown when all of it is there.
func TestFollowHalfWrittenRecord(t *testing.T) {
	swarm := newSwarm(t, swarmgen.Options{})
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(swarm.Dir)); err != nil {
		t.Fatal(err)
	}
	f := followDir(t, os.DirFS(copied), "")
	swarm.Secret("one", bytes.Repeat([]byte("x"), 3000))
	wal, err := filepath.Glob(filepath.Join(swarm.WALDir(), "*.wal"))
	if err != nil || len(wal) != 1 {
		t.Fatal(wal, err)
	}
	whole, err := os.ReadFile(wal[0])
	if err != nil {
		t.Fatal(err)
	}
	half := bytes.Clone(whole)
	clear(half[len(bytes.TrimRight(whole, "\x00"))-2000:])
	path := filepath.Join(copied, strings.TrimPrefix(wal[0], swarm.Dir))
	f.write(path, string(half))
	f.wantNew("")
	f.write(path, string(whole))
	f.wantNew("", "*secret one: created")
}

// TestFollowRotation: turning autolock on locks the node key and changes the
// DEK; a rotation of the unlock key changes neither the DEK nor what is shown.
func TestFollowRotation(t *testing.T) {
	swarm := newSwarm(t, swarmgen.Options{Autolock: true})
	f := follow(t, swarm)
	old := swarm.UnlockKey()
	swarm.RotateKEK()
	swarm.Secret("one", nil)
	f.wantNew("going on with the keys of before: .*", "cluster default: unlock key rotated", "*secret one: created")
	f.setKey(swarm.UnlockKey())
	f.asked = time.Time{}
	swarm.Secret("two", nil)
	f.wantNew("", "*secret two: created")
	if f.keyErr != nil {
		t.Errorf("the new unlock key was not taken: %v", f.keyErr)
	}

	swarm.Unlock()
	swarm.Rotate()
	swarm.Secret("three", nil)
	f.setKey(old)
	f.asked = time.Time{}
	err := f.read(t.Context())
	if !errors.Is(err, unlock.ErrWrongKey) || passing(err) {
		t.Errorf("without the unlock key: %v", err)
	}
	f.setKey(swarm.UnlockKey())
	f.asked = time.Time{}
	if err := f.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(f.shown(), "\n"); !strings.HasSuffix(got, "*secret three: created") {
		t.Errorf("shown %s", got)
	}
}

// lockedBuffer is written by one goroutine and read by another.
type lockedBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

func TestFollowUntilInterrupted(t *testing.T) {
	swarm := newSwarm(t, swarmgen.Options{})
	f := follow(t, swarm)
	var out lockedBuffer
	f.follower.out.Reset(&out)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.run(ctx) }()
	for _, name := range []string{"one", "two", "three"} {
		swarm.Secret(name, nil)
		within(t, 10*time.Second, name+" is shown", func() bool { return strings.Contains(out.String(), "secret "+name+": created") })
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// TestFollowEndsWithTheDirectory: a node that leaves the swarm loses its log.
func TestFollowEndsWithTheDirectory(t *testing.T) {
	swarm := newSwarm(t, swarmgen.Options{})
	swarm.Close()
	f := follow(t, swarm)
	if err := os.RemoveAll(swarm.Dir); err != nil {
		t.Fatal(err)
	}
	if err := f.run(t.Context()); !errors.Is(err, raftlog.ErrNotSwarmDir) {
		t.Errorf("ended with %v", err)
	}
}

// TestWatch: nothing that is written may be missed, also under one time stamp.
func TestWatch(t *testing.T) {
	swarm := newSwarm(t, swarmgen.Options{})
	w := watch{fsys: os.DirFS(swarm.Dir)}
	if !w.changed() {
		t.Error("nothing to read at first")
	}
	time.Sleep(2 * timeGrain)
	w.changed()
	if w.changed() {
		t.Error("changed though nothing was written")
	}
	swarm.Secret("one", nil)
	first := w.changed()
	if again := w.changed(); !first || !again {
		t.Error("not read again within the grain of time stamps")
	}
	time.Sleep(2 * timeGrain)
	w.changed()
	if w.changed() {
		t.Error("changed though nothing was written")
	}
	w.forget()
	if !w.changed() {
		t.Error("not read again after a failure")
	}
}
