package s3_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/swarmdr/swarmdr/internal/store/s3/s3test"
)

// faulty is a proxy before a real server for faults that a cut connection is
// not: refusals, lost answers, bodies that end too early.
type faulty struct {
	t       testing.TB
	server  *s3test.Server
	forward *httputil.ReverseProxy
	mu      sync.Mutex
	seen    []string // METHOD KIND of each request, KIND of what S3 does
	fault   func(w http.ResponseWriter, r *http.Request, n int) bool
	change  func(*http.Response) error
}

// proxied returns the server as seen through a proxy that forwards all until
// it is given faults.
func proxied(t testing.TB, server *s3test.Server) (*s3test.Server, *faulty) {
	t.Helper()
	target, err := url.Parse(server.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	f := &faulty{t: t, server: server}
	f.forward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.Host = r.In.Host // it is signed
		},
		ModifyResponse: func(resp *http.Response) error {
			f.mu.Lock()
			change := f.change
			f.mu.Unlock()
			if change == nil {
				return nil
			}
			return change(resp)
		},
		ErrorLog:     log.New(io.Discard, "", 0),
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	front := httptest.NewUnstartedServer(f)
	front.Config.ErrorLog = log.New(io.Discard, "", 0)
	front.Start()
	t.Cleanup(front.Close)
	through := *server
	through.Endpoint = front.URL
	return &through, f
}

// ServeHTTP counts the request, from 1, and asks fault whether it sees to it.
func (f *faulty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.seen = append(f.seen, r.Method+" "+kind(r))
	n, fault := len(f.seen), f.fault
	f.mu.Unlock()
	if fault != nil && fault(w, r, n) {
		return
	}
	f.forward.ServeHTTP(w, r)
}

func kind(r *http.Request) string {
	for _, kind := range []string{"uploads", "partNumber", "uploadId", "list-type", "location", "retention", "object-lock"} {
		if r.URL.Query().Has(kind) {
			return kind
		}
	}
	return "object"
}

// with sets the fault, nil for none, and begins to count anew.
func (f *faulty) with(fault func(w http.ResponseWriter, r *http.Request, n int) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.seen = fault, nil
}

// answers changes what the server says.
func (f *faulty) answers(change func(*http.Response) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.change = change
}

func (f *faulty) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen)
}

func (f *faulty) count(request string) int {
	n := 0
	for _, seen := range f.requests() {
		if seen == request {
			n++
		}
	}
	return n
}

// hangUp breaks the connection without an answer.
func hangUp() { panic(http.ErrAbortHandler) }

// cutBefore ends the connection before the server hears of the request,
// cutMiddle when half of its body went by, cutAfter when it was carried out.
var cuts = map[string]func(f *faulty, r *http.Request){
	"before": func(*faulty, *http.Request) { hangUp() },
	"middle": func(f *faulty, r *http.Request) {
		r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, r.ContentLength/2), broken{}))
		f.forward.ServeHTTP(httptest.NewRecorder(), r)
		hangUp()
	},
	"after": func(f *faulty, r *http.Request) {
		f.forward.ServeHTTP(httptest.NewRecorder(), r)
		hangUp()
	},
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func unavailable(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusServiceUnavailable)
	io.WriteString(w, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")
}
