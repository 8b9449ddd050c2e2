package s3_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/swarmdr/swarmdr/internal/store/s3/s3test"
)

// Folders and names that no store has are not listed, nor what is beside the
// prefix.
func TestForeignObjectsAreNotListed(t *testing.T) {
	server := s3test.MinIO(t)
	o := server.Options(server.Bucket(t))
	o.Prefix = "mine"
	for _, key := range []string{"mine/", "mine/c/", "mine/a file", "mine/c/é", "mined", "mine.txt"} {
		if _, err := server.Client(t).Client.PutObject(t.Context(), o.Bucket, key, strings.NewReader(""), 0, minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	s := s3test.Open(t, o)
	if err := s.Put(t.Context(), name, fill(nil)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for o, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, o.Name)
	}
	if strings.Join(got, " ") != name {
		t.Errorf("listed %q", got)
	}
}

// A program that copies a bucket takes the metadata along and cuts other parts.
func TestCopiedObjectIsRead(t *testing.T) {
	server := s3test.MinIO(t)
	o := server.Options(server.Bucket(t))
	for _, size := range []uint64{6 << 20, 16 << 20} {
		copied := minio.PutObjectOptions{
			PartSize: size, SendContentMd5: false, Checksum: minio.ChecksumSHA256,
			UserMetadata: map[string]string{"Swarmdr-Part": "5242880", "Swarmdr-Put": "X"},
		}
		client, err := minio.New(strings.TrimPrefix(server.Endpoint, "http://"), &minio.Options{Creds: server.Credentials(), TrailingHeaders: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.PutObject(t.Context(), o.Bucket, name, bytes.NewReader(parts), int64(len(parts)), copied); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(read(t, s3test.Open(t, o)), parts) {
			t.Error("other bytes came back")
		}
	}
}
