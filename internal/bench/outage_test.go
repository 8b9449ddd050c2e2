package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/swarmdr/swarmdr/internal/lab"
	"github.com/swarmdr/swarmdr/internal/lab/labtest"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// Configs of half a MB, what an engine takes at most.
const (
	largeConfigs = 1000
	largeConfig  = 500_000
)

// BenchmarkOutage pairs the time that a cold backup keeps the engine down with
// a bare stop and start of the same daemon, on a state of 500 MB.
func BenchmarkOutage(b *testing.B) {
	l := labtest.Up(b, lab.Options{Managers: 1})
	m1, err := l.Node("m1")
	must(b, err)
	fill(b, m1)
	_, recipient, err := snapshot.GenerateIdentity()
	must(b, err)
	var bare, down time.Duration
	most := 0.0
	for b.Loop() {
		begin := time.Now()
		run(b, "lab", "stop", "--dir", l.Dir(), "m1") // as the backup does
		run(b, "lab", "start", "--dir", l.Dir(), "m1")
		awaitReachable(b, m1)
		bare += time.Since(begin)
		m, resident := coldBackup(b, m1, recipient)
		down += time.Duration(m.DownMS) * time.Millisecond
		most = max(most, resident)
	}
	b.ReportMetric(down.Seconds()/bare.Seconds(), "of-bare-restart")
	b.ReportMetric(down.Seconds()/float64(b.N), "down-s")
	b.ReportMetric(most, "MiB-resident")
}

func fill(b *testing.B, n *lab.Node) {
	c, err := n.Client()
	must(b, err)
	defer c.Close()
	data := make([]byte, largeConfig)
	for i := range largeConfigs {
		copy(data, fmt.Sprint(i))
		_, err := c.ConfigCreate(b.Context(), client.ConfigCreateOptions{Spec: swarm.ConfigSpec{
			Annotations: swarm.Annotations{Name: fmt.Sprintf("large-%d", i)}, Data: data,
		}})
		must(b, err)
	}
}

func awaitReachable(b *testing.B, n *lab.Node) {
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	c, err := n.Client()
	must(b, err)
	defer c.Close()
	for {
		nodes, err := c.NodeList(ctx, client.NodeListOptions{})
		if err == nil && len(nodes.Items) == 1 && nodes.Items[0].ManagerStatus.Reachability == swarm.ReachabilityReachable {
			return
		}
		must(b, ctx.Err())
		time.Sleep(20 * time.Millisecond)
	}
}

func coldBackup(b *testing.B, n *lab.Node, recipient string) (snapshot.Manifest, float64) {
	store := filepath.Join(b.TempDir(), "store")
	c := exec.CommandContext(b.Context(), "../../bin/swarmdr", "backup", "--allow-outage", "--config", n.ConfigFile(),
		"--host", n.DockerHost(), "--store", "file://"+store, "-r", recipient, "-o", "json")
	var out strings.Builder
	c.Stdout = &out
	resident := watch(b, c)
	var m snapshot.Manifest
	must(b, json.Unmarshal([]byte(out.String()), &m))
	return m, resident
}
