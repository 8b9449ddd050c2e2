// Package engine talks to a Docker engine: its API ([Client]), the stopping
// and starting of its daemon ([Control]), and the watch that brings the
// engine up again when swarmdr dies while it is down ([WaitGone]).
//
// An engine without a quorum answers some calls after 20 seconds and others
// never, so every call here ends: by its own limit, or earlier with the
// context. Errors carry the engine's own words, and what a caller may branch
// on is in their tree.
package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/docker/cli/cli/connhelper"
	"github.com/docker/go-connections/tlsconfig"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
)

// DefaultHost is where the engine of this machine listens.
const DefaultHost = client.DefaultDockerHost

// callLimit is above the 20 s after which an engine gives up on a request to
// the swarm (moby daemon/cluster/cluster.go, swarmRequestTimeout): its own
// words are better than a limit that passed.
const callLimit = 30 * time.Second

// Options are how to reach an engine. The zero value will do for unix:// and
// for ssh:// where the user's ssh configuration does.
type Options struct {
	TLS      TLS
	SSHFlags []string // put before the host, as in ssh(1)
}

// TLS is for tcp:// hosts alone and names PEM files. All empty: no TLS.
type TLS struct {
	CACert string // empty: the system's authorities
	Cert   string // with Key: the client's certificate
	Key    string
	// SkipVerify takes any server certificate, as a docker context with
	// SkipTLSVerify does.
	SkipVerify bool
}

func (t TLS) used() bool { return t != TLS{} }

// Client is one engine's API. It may be used concurrently.
type Client struct {
	api        *client.Client
	host       string
	negotiated atomic.Bool
}

// Connect makes a client for a docker host URL:
//
//	unix:///var/run/docker.sock   (DefaultHost, also if host is empty)
//	tcp://HOST:PORT               with or without TLS
//	ssh://[USER@]HOST[:PORT]      by the ssh and the remote docker command
//
// Nothing is asked of the engine yet. The first call settles the API version
// and returns ErrTooOld for one below 1.40 (Docker 19.03).
func Connect(host string, opts Options) (*Client, error) {
	if host == "" {
		host = DefaultHost
	}
	u, err := url.Parse(host)
	if err != nil {
		// Its text would quote the URL, and that may hold a password.
		return nil, errors.New("connect to engine: malformed docker host URL")
	}
	settings, err := transport(host, opts)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", u.Redacted(), err)
	}
	api, err := client.New(settings...)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", u.Redacted(), err)
	}
	return &Client{api: api, host: host}, nil
}

// Host is the docker host URL of the engine.
func (c *Client) Host() string { return c.host }

// Close ends idle connections, and with them the ssh processes.
func (c *Client) Close() error { return c.api.Close() }

func transport(host string, opts Options) ([]client.Opt, error) {
	scheme, _, _ := strings.Cut(host, "://")
	switch scheme {
	case "unix":
		return []client.Opt{client.WithHost(host)}, nil
	case "tcp":
		return overTCP(host, opts.TLS)
	case "ssh":
		return overSSH(host, opts.SSHFlags)
	default:
		return nil, fmt.Errorf("%q is not unix, tcp or ssh", scheme)
	}
}

func overTCP(host string, t TLS) ([]client.Opt, error) {
	if !t.used() {
		return []client.Opt{client.WithHost(host)}, nil
	}
	conf, err := tlsconfig.Client(tlsconfig.Options{
		CAFile: t.CACert, CertFile: t.Cert, KeyFile: t.Key,
		InsecureSkipVerify: t.SkipVerify, ExclusiveRootPools: true,
	})
	if err != nil {
		return nil, err
	}
	http := &http.Client{
		Transport:     &http.Transport{TLSClientConfig: conf},
		CheckRedirect: client.CheckRedirect,
	}
	return []client.Opt{client.WithHTTPClient(http), client.WithHost(host)}, nil
}

func overSSH(host string, flags []string) ([]client.Opt, error) {
	helper, err := connhelper.GetConnectionHelperWithSSHOpts(host, flags)
	if err != nil {
		return nil, err
	}
	return []client.Opt{client.WithHost(helper.Host), client.WithDialContext(helper.Dialer)}, nil
}

// call runs one request within limit and gives its error the verb.
func (c *Client) call(ctx context.Context, verb string, limit time.Duration, request func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := c.negotiate(ctx)
	if err == nil {
		err = request(ctx)
	}
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("no answer from the engine: %w", context.DeadlineExceeded)
	}
	return classify(verb, err)
}

func (c *Client) negotiate(ctx context.Context) error {
	if c.negotiated.Load() {
		return nil
	}
	ping, err := c.api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
	if ping.APIVersion != "" && versions.LessThan(ping.APIVersion, client.MinAPIVersion) {
		return fmt.Errorf("%w: %s", ErrTooOld, ping.APIVersion)
	}
	c.negotiated.Store(err == nil)
	return err
}
