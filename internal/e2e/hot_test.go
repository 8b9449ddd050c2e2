package e2e

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/swarmdr/swarmdr/internal/lab"
)

// hotCaptures is a sample; make soak takes many.
func hotCaptures(t *testing.T) int {
	text := os.Getenv("SWARMDR_SOAK")
	if text == "" {
		return 6
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("SWARMDR_SOAK: %v", err)
	}
	return n
}

// TestHot copies a manager while secrets are created on it: each copy proves,
// and holds every secret that was acknowledged before it began.
func TestHot(t *testing.T) {
	f := newFixture(t, lab.Options{Managers: 1, Autolock: true})
	stop, acked := f.churn("m1")
	defer stop()
	for range hotCaptures(t) {
		before := acked()
		m := f.backup("m1", "--mode", "hot")
		if got := m.Contents.Objects["secret"]; got < before {
			t.Errorf("%d secrets were acknowledged before the copy, %d are in it", before, got)
		}
	}
	t.Logf("%d secrets were acknowledged in all", acked())
	f.wantNothingLeft("m1")
}

// churn creates secrets until it is stopped, and counts the acknowledged ones.
func (f *fixture) churn(node string) (stop func(), acked func() int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	n, done := 0, make(chan struct{})
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			if _, err := f.secret(node, fmt.Sprintf("churn-%d", i)); err != nil {
				f.Errorf("create secret: %v", err)
				return
			}
			mu.Lock()
			n++
			mu.Unlock()
		}
	})
	return func() { close(done); wg.Wait() }, func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}
