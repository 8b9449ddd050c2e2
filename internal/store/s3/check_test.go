package s3_test

import (
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/swarmdr/swarmdr/internal/store/s3"
	"github.com/swarmdr/swarmdr/internal/store/s3/s3test"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

func TestCheck(t *testing.T) {
	server := s3test.MinIO(t)
	for kind, bucket := range map[string]string{
		"plain": server.Bucket(t), "versioned": server.VersionedBucket(t), "locked": server.LockBucket(t),
	} {
		t.Run(kind, func(t *testing.T) {
			o := server.Options(bucket)
			o.Prefix = "below/here"
			if kind == "locked" {
				o.LockMode, o.LockFor = "compliance", time.Hour
			}
			r := s3test.Open(t, o).Check(t.Context())
			if r.Failed() || r.Warned() {
				t.Errorf("%+v", r)
			}
			for _, name := range []string{"reach", "clock", "versioning", "put", "write once", "read back", "list after write", "delete", "checksum", "multipart", "conditional put", "conditional upload", "range read"} {
				if got := verdicts(r)[name]; got != snapshot.CheckOK {
					t.Errorf("%s: %q", name, got)
				}
			}
			if _, tried := verdicts(r)["lock"]; tried != (kind == "locked") {
				t.Errorf("%+v", r)
			}
			wantNothingLeft(t, server, bucket)
		})
	}
}

func wantNothingLeft(t *testing.T, server *s3test.Server, bucket string) {
	t.Helper()
	for v := range server.Client(t).ListObjectsIter(t.Context(), bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		t.Errorf("left %s %s, %v", v.Key, v.VersionID, v.Err)
	}
}

func TestCheckSaysWhatIsMissing(t *testing.T) {
	minIO := s3test.MinIO(t)
	versity := s3test.VersityGW(t)
	fake := s3test.Fake(t)
	heedless := unconditional(t)
	with := func(server *s3test.Server, change func(*s3.Options)) s3.Options {
		o := server.Options(server.Bucket(t))
		change(&o)
		return o
	}
	for what, c := range map[string]struct {
		o    s3.Options
		name string
		want snapshot.Verdict
	}{
		"no bucket":           {with(minIO, func(o *s3.Options) { o.Bucket = "none-of-that-name" }), "reach", snapshot.CheckFail},
		"nobody there":        {with(minIO, func(o *s3.Options) { o.Endpoint = "http://127.0.0.1:1" }), "reach", snapshot.CheckFail},
		"no lock":             {with(minIO, func(o *s3.Options) { o.LockMode = "governance" }), "lock", snapshot.CheckFail},
		"checksums off":       {with(minIO, func(o *s3.Options) { o.Checksum = "none" }), "checksum", snapshot.CheckWarn},
		"versitygw":           {with(versity, func(*s3.Options) {}), "conditional upload", snapshot.CheckOK},
		"no conditions":       {with(heedless, func(*s3.Options) {}), "conditional put", snapshot.CheckWarn},
		"gofakes3 twice":      {with(fake, func(*s3.Options) {}), "conditional upload", snapshot.CheckWarn},
		"gofakes3's checksum": {with(fake, func(*s3.Options) {}), "checksum", snapshot.CheckWarn},
		"gofakes3's lock":     {with(fake, func(o *s3.Options) { o.LockMode = "governance" }), "lock", snapshot.CheckFail},
	} {
		t.Run(what, func(t *testing.T) {
			r := s3test.Open(t, c.o).Check(t.Context())
			if got := verdicts(r)[c.name]; got != c.want {
				t.Errorf("%s: %q, want %q: %+v", c.name, got, c.want, r)
			}
			for _, a := range r {
				if (a.Do == "") != (a.Verdict == snapshot.CheckOK) || a.Seen == "" {
					t.Errorf("%+v", a)
				}
			}
		})
	}
}

func TestReadyLeavesNothing(t *testing.T) {
	server := s3test.MinIO(t)
	for _, bucket := range []string{server.Bucket(t), server.VersionedBucket(t), server.LockBucket(t)} {
		o := server.Options(bucket)
		o.Prefix = "p"
		if err := s3test.Open(t, o).Ready(t.Context()); err != nil {
			t.Error(err)
		}
		wantNothingLeft(t, server, bucket)
	}
}

func TestReadySaysWhy(t *testing.T) {
	server := s3test.MinIO(t)
	o := server.Options(server.Bucket(t))
	o.LockMode, o.LockFor = "governance", time.Hour
	if err := s3test.Open(t, o).Ready(t.Context()); err == nil || !strings.Contains(err.Error(), snapshot.ErrNoLock.Error()) {
		t.Errorf("got %v", err)
	}
}
