package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// stallTimeout ends a connection on which nothing moves.
const stallTimeout = 2 * time.Minute

// transport limits the bandwidth and looks at the server's clock.
type transport struct {
	base     *http.Transport
	up, down *rate.Limiter // nil: no limit
	clock    *clock
}

func newTransport(o Options) (*transport, error) {
	base := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dial,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   10 * time.Second,
		IdleConnTimeout:       time.Minute,
		MaxIdleConnsPerHost:   16,
		ExpectContinueTimeout: 10 * time.Second,
		DisableCompression:    true, // lengths are those of the object
	}
	if o.Proxy != "" {
		u, err := url.Parse(o.Proxy)
		if err != nil || u.Host == "" {
			return nil, errors.New("malformed proxy URL") // it may hold a password
		}
		base.Proxy = http.ProxyURL(u)
	}
	if o.CAFile != "" {
		roots, err := readCAs(o.CAFile)
		if err != nil {
			return nil, err
		}
		base.TLSClientConfig.RootCAs = roots
	}
	return &transport{base: base, up: limiter(o.UploadLimit), down: limiter(o.DownloadLimit), clock: &clock{}}, nil
}

func readCAs(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read CA file: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's certificates: %w", err)
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read CA file: %s holds no certificate", path)
	}
	return roots, nil
}

// burst is how many bytes pass at once, however low the limit.
const burst = 32 << 10

func limiter(bytesPerSecond int) *rate.Limiter {
	if bytesPerSecond == 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(bytesPerSecond), burst)
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.up != nil && req.Body != nil && req.Body != http.NoBody {
		req = req.Clone(req.Context())
		req.Body = &limitedBody{req.Body, req.Context(), t.up}
	}
	sent := time.Now()
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	t.clock.see(resp.Header.Get("Date"), sent, time.Now())
	if t.down != nil {
		resp.Body = &limitedBody{resp.Body, req.Context(), t.down}
	}
	return resp, nil
}

// CloseIdleConnections lets http.Client reach those of the base.
func (t *transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

type limitedBody struct {
	io.ReadCloser
	ctx   context.Context
	limit *rate.Limiter
}

func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), burst)])
	if n > 0 {
		if wait := b.limit.WaitN(b.ctx, n); wait != nil {
			return n, wait
		}
	}
	return n, err
}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &stallConn{conn}, nil
}

// stallConn fails when nothing moves for stallTimeout. An answer may be waited
// for while a long body is still being sent: a write gives the read more time.
type stallConn struct{ net.Conn }

func (c *stallConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(stallTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *stallConn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(stallTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// clock is how far the server's clock is ahead of ours.
type clock struct {
	ahead atomic.Int64 // nanoseconds
	seen  atomic.Bool
}

// see takes the moment in which the server answered to be the middle of the
// request, and counts only what is more than the error of that.
func (c *clock) see(date string, sent, received time.Time) {
	at, err := http.ParseTime(date)
	if err != nil {
		return
	}
	c.ahead.Store(int64(at.Sub(sent.Add(received.Sub(sent) / 2))))
	c.seen.Store(true)
}

// skew is how far the server is ahead; false before its first answer.
func (c *clock) skew() (time.Duration, bool) {
	return time.Duration(c.ahead.Load()).Round(time.Second), c.seen.Load()
}
