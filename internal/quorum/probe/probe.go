// Package probe asks managers who they are at their own port, 2377, without
// the Docker API: it works when there is no quorum and every call of the API
// hangs.
//
// The port speaks TLS. A handshake without a client certificate gives the
// manager's certificate and with it node id, cluster id and role (seen on
// Docker 20.10 to 29.7). A locked manager refuses the connection, for its
// raft member is not running. Nothing is verified: the answer says who claims
// to be there, which is enough to count the living and to refuse a recovery,
// and never enough to trust somebody.
package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/swarmdr/swarmdr/internal/quorum"
)

// DefaultLimit is how long Peers waits altogether when told nothing else.
const DefaultLimit = 1500 * time.Millisecond

// Port is the one managers listen on unless told otherwise.
const Port = "2377"

// Answer is what the certificate at a manager's port says.
type Answer struct {
	Addr      string // as asked
	NodeID    string // subject CN
	ClusterID string // subject O
	Role      string // subject OU: swarm-manager or swarm-worker
	NotBefore time.Time
	NotAfter  time.Time
}

// Result is an answer, or why there is none. The cause is in the error's tree:
// syscall.ECONNREFUSED where nobody listens, context.DeadlineExceeded where
// nobody answers.
type Result struct {
	Answer Answer
	Err    error
}

// Peer asks one manager. addr is host:port or a host alone, an IPv6 one
// without brackets. It ends when ctx does.
func Peer(ctx context.Context, addr string) (Answer, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", withPort(addr))
	if err != nil {
		return Answer{}, fmt.Errorf("probe %s: %w", addr, err)
	}
	leaf, err := handshake(ctx, conn)
	// The answer is in hand or there is none: how the connection ends says nothing.
	_ = conn.Close()
	if err != nil {
		return Answer{}, fmt.Errorf("probe %s: %w", addr, err)
	}
	return answer(addr, leaf), nil
}

// Peers asks all at once and returns the results in the order of addrs, not
// later than limit (DefaultLimit if it is 0) even if all of them hang.
func Peers(ctx context.Context, addrs []string, limit time.Duration) []Result {
	if limit <= 0 {
		limit = DefaultLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	results := make([]Result, len(addrs))
	var wg sync.WaitGroup
	for i, addr := range addrs {
		wg.Go(func() {
			results[i].Answer, results[i].Err = Peer(ctx, addr)
		})
	}
	wg.Wait()
	return results
}

// Reach tells whether the result shows the manager with this node id: anybody
// else at its address does not count.
func (r Result) Reach(nodeID string) quorum.Reach {
	if r.Err != nil || r.Answer.NodeID != nodeID {
		return quorum.Unreachable
	}
	return quorum.Reachable
}

var errNoCertificate = errors.New("no certificate")

// handshake returns the server's own certificate. Under TLS 1.2 a server that
// insists on a client certificate fails the handshake after having shown its
// own, so what was seen counts, not how it ended.
func handshake(ctx context.Context, conn net.Conn) (*x509.Certificate, error) {
	var leaf *x509.Certificate
	c := tls.Client(conn, &tls.Config{
		InsecureSkipVerify: true, // it asks who is there and trusts nobody
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"h2"}, // newer gRPC servers refuse without
		VerifyConnection: func(s tls.ConnectionState) error {
			leaf = s.PeerCertificates[0]
			return nil
		},
	})
	err := c.HandshakeContext(ctx)
	if leaf != nil {
		return leaf, nil
	}
	if err == nil {
		err = errNoCertificate
	}
	return nil, err
}

func answer(addr string, leaf *x509.Certificate) Answer {
	return Answer{
		Addr:      addr,
		NodeID:    leaf.Subject.CommonName,
		ClusterID: first(leaf.Subject.Organization),
		Role:      first(leaf.Subject.OrganizationalUnit),
		NotBefore: leaf.NotBefore,
		NotAfter:  leaf.NotAfter,
	}
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

func withPort(addr string) string {
	if _, _, err := net.SplitHostPort(addr); err == nil {
		return addr
	}
	return net.JoinHostPort(addr, Port)
}
