package s3_test

import (
	"crypto/rand"
	"testing"

	"github.com/swarmdr/swarmdr/internal/store/s3"
	"github.com/swarmdr/swarmdr/internal/store/s3/s3test"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/snapshot/snapshottest"
)

func TestMinIO(t *testing.T) {
	server := s3test.MinIO(t)
	t.Run("plain", func(t *testing.T) { conform(t, server.Options(server.Bucket(t))) })
	t.Run("versioned", func(t *testing.T) { conform(t, server.Options(server.VersionedBucket(t))) })
	for _, mode := range []string{"governance", "compliance"} {
		t.Run(mode, func(t *testing.T) {
			o := server.Options(server.LockBucket(t))
			o.LockMode = mode
			conform(t, o)
		})
	}
}

func TestVersityGW(t *testing.T) {
	server := s3test.VersityGW(t)
	conform(t, server.Options(server.Bucket(t)))
}

func TestGofakes3(t *testing.T) {
	server := s3test.Fake(t)
	conform(t, server.Options(server.Bucket(t)))
}

// conform runs the suite in one bucket, each subtest below a prefix of its own.
// No part is as large as the objects of the suite.
func conform(t *testing.T, o s3.Options) {
	if o.LockMode == "" {
		o.LockMode = "governance"
	}
	snapshottest.Run(t, func(t *testing.T) snapshot.Store { return below(t, o) })
}

func below(t *testing.T, o s3.Options) *s3.Store {
	o.Prefix = "suite/" + rand.Text()
	return s3test.Open(t, o)
}
