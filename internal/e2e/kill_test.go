package e2e

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/lab"
)

// killRounds spreads the kills over a cold backup, from the moment that the
// engine is about to be stopped.
func killRounds() []time.Duration {
	step, n := 900*time.Millisecond, 4
	if os.Getenv("SWARMDR_MATRIX") == "all" {
		step, n = 150*time.Millisecond, 24
	}
	var after []time.Duration
	for i := range n {
		after = append(after, time.Duration(i)*step)
	}
	return after
}

// TestKillBackup is run by make matrix at its full length; TestBackup takes a
// sample.
func TestKillBackup(t *testing.T) {
	if os.Getenv("SWARMDR_MATRIX") != "all" {
		t.Log("a sample runs in TestBackup/killed; make matrix runs all")
		return
	}
	f := newFixture(t, lab.Options{Managers: 3, Autolock: true})
	f.testKilled(f.others(f.leader())[0])
}

// testKilled kills a cold backup at one moment after another: the engine comes
// up again without a person, unlocked, and nothing is left.
func (f *fixture) testKilled(node string) {
	for _, after := range killRounds() {
		f.killBackup(node, after, false)
		f.wantRecalled(node)
	}
	f.killBackup(node, 500*time.Millisecond, true)
	f.on(node, f.backupArgs()...) // the next run brings the engine up
	f.wantRecalled(node)
}

func (f *fixture) wantRecalled(node string) {
	f.Helper()
	f.eventually("the record is gone", func() bool {
		_, err := os.Stat(f.record(node))
		return errors.Is(err, fs.ErrNotExist)
	})
	f.wantManagers(node)
	f.wantNothingLeft(node)
}

func (f *fixture) record(node string) string {
	return filepath.Join(f.node(node).Dir(), "swarmdr", "engine-down.json")
}

// killBackup starts a cold backup and kills it so long after the record of a
// stopped engine is there; its guard too, if asked.
func (f *fixture) killBackup(node string, after time.Duration, guard bool) {
	f.Helper()
	cmd := f.node(node).Command(f.Context(), exe, f.backupArgs()...)
	if err := cmd.Start(); err != nil {
		f.Fatal(err)
	}
	f.eventually("the engine is about to be stopped", func() bool {
		_, err := os.Stat(f.record(node))
		return err == nil
	})
	guards := f.guards(cmd.Process.Pid)
	time.Sleep(after)
	if guard {
		for _, pid := range guards {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				f.Errorf("kill guard: %v", err)
			}
		}
	}
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		f.Fatal(err)
	}
	err := cmd.Wait()
	f.Logf("killed %v after the record was written: %v", after, err)
}

// guards are the guard processes that a backup started; they are its children
// until it dies.
func (f *fixture) guards(parent int) []int {
	f.Helper()
	var pids []int
	f.eventually("the guard runs", func() bool {
		stats, err := filepath.Glob("/proc/[0-9]*/stat")
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range stats {
			if isGuard(filepath.Dir(path), parent) {
				pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
				if err == nil {
					pids = append(pids, pid)
				}
			}
		}
		return len(pids) > 0
	})
	return pids
}

func isGuard(proc string, parent int) bool {
	stat, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		return false
	}
	fields := strings.Fields(string(stat)[strings.LastIndexByte(string(stat), ')')+1:])
	cmdline, err := os.ReadFile(filepath.Join(proc, "cmdline"))
	return err == nil && fields[1] == strconv.Itoa(parent) && strings.Contains(string(cmdline), "\x00guard\x00")
}
