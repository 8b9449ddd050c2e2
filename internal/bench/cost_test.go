// Package bench holds the benchmarks that docs/performance.md reports: pairs,
// measured in turns in one run, since machines differ and are noisy.
package bench

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// cost is the time that something has taken: by the clock, and on all processors.
type cost struct{ wall, cpu time.Duration }

func (c *cost) add(f func()) { c.measure(syscall.RUSAGE_SELF, f) }

// addChildren is add for what other processes do.
func (c *cost) addChildren(f func()) { c.measure(syscall.RUSAGE_CHILDREN, f) }

func (c *cost) measure(who int, f func()) {
	start, used := time.Now(), processors(who)
	f()
	c.wall += time.Since(start)
	c.cpu += processors(who) - used
}

// report gives the part that other is of c, by the clock and by processor time:
// on a busy machine only the second means anything.
func (c *cost) report(b *testing.B, other cost, unit string) {
	b.ReportMetric(other.wall.Seconds()/c.wall.Seconds(), unit)
	b.ReportMetric(other.cpu.Seconds()/c.cpu.Seconds(), unit+"-cpu")
}

func processors(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// run runs the program of this tree and returns the most memory it had resident,
// in MiB, looked at every 5 ms: the kernel's own figure for a process that has
// ended begins with that of the process it was forked from.
func run(b *testing.B, args ...string) float64 {
	b.Helper()
	return watch(b, exec.Command("../../bin/swarmdr", args...))
}

func watch(b *testing.B, c *exec.Cmd) float64 {
	b.Helper()
	c.Stderr = os.Stderr
	must(b, c.Start())
	done := make(chan error, 1)
	go func() { done <- c.Wait() }()
	most := 0.0
	for {
		select {
		case err := <-done:
			must(b, err)
			return most
		case <-time.After(5 * time.Millisecond):
			most = max(most, peak(c.Process.Pid))
		}
	}
}

// peak is 0 for a process that has just ended.
func peak(pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib := 0.0
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0
	}
	return kib / 1024
}
