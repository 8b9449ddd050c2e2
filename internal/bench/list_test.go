package bench

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/store/s3/s3test"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// BenchmarkList lists 10,000 snapshots in a local MinIO.
func BenchmarkList(b *testing.B) {
	server := s3test.MinIO(b)
	bucket := server.Bucket(b)
	stock(b, s3test.Open(b, server.Options(bucket)), 10_000)
	for b.Loop() {
		c := exec.Command("../../bin/swarmdr", "snapshot", "list", "--store", "s3://"+bucket, "-o", "json", "--config", "/dev/null")
		c.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+server.Endpoint, "AWS_ACCESS_KEY_ID="+server.AccessKey, "AWS_SECRET_ACCESS_KEY="+server.SecretKey)
		watch(b, c)
	}
}

// stock stores archives and manifests that are nonsense: a listing reads none.
func stock(b *testing.B, store snapshot.Store, many int) {
	b.Helper()
	begin, numbers := time.Now(), make(chan int)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for i := range numbers {
				name := snapshot.NewName("c", fmt.Sprintf("n%d", i%3), begin.Add(-time.Duration(i)*time.Hour))
				for _, object := range []string{name.Archive(), name.Manifest()} {
					if err := store.Put(b.Context(), object, one); err != nil {
						b.Error(err)
					}
				}
			}
		})
	}
	for i := range many {
		numbers <- i
	}
	close(numbers)
	all.Wait()
}

func one(w io.Writer) error {
	_, err := w.Write([]byte("x"))
	return err
}
