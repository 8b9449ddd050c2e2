package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
	"github.com/swarmdr/swarmdr/internal/store/s3"
	"github.com/swarmdr/swarmdr/internal/store/s3/s3test"
)

func TestSlowReadEndsWithContext(t *testing.T) {
	server := s3test.MinIO(t)
	through, proxy := s3test.Toxiproxy(t, server)
	o := through.Options(server.Bucket(t))
	s := s3test.Open(t, o)
	if err := s.Put(t.Context(), name, fill(parts)); err != nil {
		t.Fatal(err)
	}
	if _, err := proxy.AddToxic("slow", "bandwidth", "downstream", 1, toxiproxy.Attributes{"rate": 10}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	begin := time.Now()
	r, err := s.Get(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n, err := io.Copy(io.Discard, r); !errors.Is(err, context.DeadlineExceeded) || n >= int64(len(parts)) {
		t.Errorf("got %d bytes, %v", n, err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// The body ends early, in three disguises.
func TestTruncatedObject(t *testing.T) {
	server := s3test.MinIO(t)
	through, proxy := proxied(t, server)
	o := through.Options(server.Bucket(t))
	s := s3test.Open(t, o)
	for _, size := range []int{100_000, len(parts)} {
		name := fmt.Sprintf("c/n/%d", size)
		if err := s.Put(t.Context(), name, fill(parts[:size])); err != nil {
			t.Fatal(err)
		}
		t.Run(fmt.Sprint(size), func(t *testing.T) { truncated(t, s, name, proxy, disguises) })
	}
	o.Checksum = "none"
	bare := s3test.Open(t, o)
	if err := bare.Put(t.Context(), "c/n/bare", fill(parts[:100_000])); err != nil {
		t.Fatal(err)
	}
	lengths := maps.Clone(disguises)
	delete(lengths, "shorter than the checksum says")
	t.Run("without a checksum", func(t *testing.T) { truncated(t, bare, "c/n/bare", proxy, lengths) })
}

var disguises = map[string]func(*http.Response) error{
	"cut connection": func(r *http.Response) error {
		left := int64(50_000)
		if r.Request.Header.Get("Range") != "" {
			left = 0
		}
		r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, left), broken{}))
		return nil
	},
	"chunked, with an honest end": func(r *http.Response) error {
		r.Body = io.NopCloser(io.LimitReader(r.Body, 50_000))
		r.ContentLength = -1
		r.Header.Del("Content-Length")
		return nil
	},
	"shorter than the checksum says": func(r *http.Response) error {
		r.Body = io.NopCloser(io.LimitReader(r.Body, 50_000))
		r.ContentLength = 50_000
		r.Header.Set("Content-Length", "50000")
		return nil
	},
}

func truncated(t *testing.T, s *s3.Store, name string, proxy *faulty, how map[string]func(*http.Response) error) {
	for disguise, change := range how {
		t.Run(disguise, func(t *testing.T) {
			proxy.answers(func(r *http.Response) error {
				if r.Request.Method != http.MethodGet || kind(r.Request) != "object" {
					return nil
				}
				return change(r)
			})
			r, err := s.Get(t.Context(), name)
			if err == nil {
				_, err = io.ReadAll(r)
				r.Close()
			}
			proxy.answers(nil)
			if err == nil {
				t.Error("a truncated object was read without an error")
			}
		})
	}
}

// A read that breaks off every 3 MiB comes to its end.
func TestBrokenReadGoesOn(t *testing.T) {
	server := s3test.MinIO(t)
	through, proxy := proxied(t, server)
	o := through.Options(server.Bucket(t))
	for _, checksum := range []string{"sha256", "none"} {
		o.Checksum, o.Prefix = checksum, checksum
		s := s3test.Open(t, o)
		if err := s.Put(t.Context(), name, fill(parts)); err != nil {
			t.Fatal(err)
		}
		proxy.with(nil)
		proxy.answers(func(r *http.Response) error {
			if r.Request.Method == http.MethodGet && r.ContentLength > 3<<20 {
				r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, 3<<20), broken{}))
			}
			return nil
		})
		if !bytes.Equal(read(t, s), parts) {
			t.Error("other bytes came back")
		}
		if n := proxy.count("GET object"); n != 4 {
			t.Errorf("%d requests, want 4", n)
		}
		proxy.answers(nil)
	}
}

// A server that begins anew when it is asked for the rest is not believed.
func TestBrokenReadOfAServerWithoutRanges(t *testing.T) {
	server := s3test.MinIO(t)
	through, proxy := proxied(t, server)
	o := through.Options(server.Bucket(t))
	o.Checksum = "none"
	s := s3test.Open(t, o)
	if err := s.Put(t.Context(), name, fill(parts[:100_000])); err != nil {
		t.Fatal(err)
	}
	proxy.answers(func(r *http.Response) error {
		if r.Request.Method == http.MethodGet && kind(r.Request) == "object" {
			r.Header.Del("Content-Range")
			r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, 60_000), broken{}))
		}
		return nil
	})
	r, err := s.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err == nil || len(got) != 60_000 {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}
