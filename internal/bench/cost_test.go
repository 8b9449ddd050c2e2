// Package bench holds the benchmarks that docs/performance.md reports: pairs,
// measured in turns in one run, since machines differ and are noisy.
package bench

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// cost is the time that something has taken: by the clock, and on all processors.
type cost struct{ wall, cpu time.Duration }

func (c *cost) add(f func()) {
	start, used := time.Now(), processors()
	f()
	c.wall += time.Since(start)
	c.cpu += processors() - used
}

// report gives the part that other is of c, by the clock and by processor time:
// on a busy machine only the second means anything.
func (c *cost) report(b *testing.B, other cost, unit string) {
	b.ReportMetric(other.wall.Seconds()/c.wall.Seconds(), unit)
	b.ReportMetric(other.cpu.Seconds()/c.cpu.Seconds(), unit+"-cpu")
}

func processors() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// run runs the program of this tree and returns what it cost, and the most
// memory it had resident, in MiB.
func run(b *testing.B, args ...string) (cost, float64) {
	b.Helper()
	c := exec.Command("../../bin/swarmdr", args...)
	c.Stderr = os.Stderr
	start := time.Now()
	must(b, c.Run())
	used := c.ProcessState
	spent := cost{wall: time.Since(start), cpu: used.UserTime() + used.SystemTime()}
	return spent, float64(used.SysUsage().(*syscall.Rusage).Maxrss) / 1024
}
