package snapshottest_test

import (
	"testing"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/snapshot/snapshottest"
)

func TestMem(t *testing.T) {
	snapshottest.Run(t, func(*testing.T) snapshot.Store { return snapshottest.NewMem() })
}
