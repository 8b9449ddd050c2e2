package probe_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/quorum"
	"github.com/swarmdr/swarmdr/internal/quorum/probe"
)

func TestPeerReadsTheCertificate(t *testing.T) {
	for _, c := range []struct {
		name string
		conf *tls.Config
	}{
		{"TLS 1.3", &tls.Config{MinVersion: tls.VersionTLS13}},
		{"TLS 1.3, client certificate required", &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert}},
		{"TLS 1.2", &tls.Config{MaxVersion: tls.VersionTLS12}},
		{"TLS 1.2, client certificate required", &tls.Config{MaxVersion: tls.VersionTLS12, ClientAuth: tls.RequireAnyClientCert}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cert, notAfter := nodeCertificate(t)
			c.conf.Certificates = []tls.Certificate{cert}
			c.conf.NextProtos = []string{"h2"}
			addr := serveTLS(t, c.conf)
			got, err := probe.Peer(t.Context(), addr)
			if err != nil {
				t.Fatal(err)
			}
			if got.Addr != addr || got.NodeID != "node1" || got.ClusterID != "cluster1" || got.Role != "swarm-manager" {
				t.Errorf("answer %+v", got)
			}
			if !got.NotAfter.Equal(notAfter) {
				t.Errorf("valid until %v, want %v", got.NotAfter, notAfter)
			}
		})
	}
}

func TestPeersKeepTheOrderAndTheLimit(t *testing.T) {
	cert, _ := nodeCertificate(t)
	alive := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}})
	silent := listen(t).Addr().String()
	refusing := refusingAddr(t)
	plain := servePlain(t)

	const limit = 300 * time.Millisecond
	start := time.Now()
	got := probe.Peers(t.Context(), []string{silent, alive, refusing, silent, plain}, limit)
	if took := time.Since(start); took > 3*limit {
		t.Errorf("took %v with a limit of %v", took, limit)
	}
	if !errors.Is(got[0].Err, context.DeadlineExceeded) || !errors.Is(got[3].Err, context.DeadlineExceeded) {
		t.Errorf("silent peers: %v, %v", got[0].Err, got[3].Err)
	}
	if got[1].Err != nil || got[1].Answer.NodeID != "node1" {
		t.Errorf("living peer: %+v", got[1])
	}
	if !errors.Is(got[2].Err, syscall.ECONNREFUSED) {
		t.Errorf("refusing peer: %v", got[2].Err)
	}
	if got[4].Err == nil {
		t.Errorf("a server without TLS gave %+v", got[4].Answer)
	}
}

func TestReachNeedsTheRightNode(t *testing.T) {
	here := probe.Result{Answer: probe.Answer{NodeID: "n1"}}
	if here.Reach("n1") != quorum.Reachable || here.Reach("n2") != quorum.Unreachable {
		t.Error("another node at the address counts")
	}
	if (probe.Result{Err: io.EOF}).Reach("") != quorum.Unreachable {
		t.Error("an error counts as reachable")
	}
}

func nodeCertificate(t *testing.T) (tls.Certificate, time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	notAfter := time.Now().Add(time.Hour).Truncate(time.Second)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject: pkix.Name{
			CommonName: "node1", Organization: []string{"cluster1"}, OrganizationalUnit: []string{"swarm-manager"},
		},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: notAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, notAfter
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// serve hands each connection to handle and closes it.
func serve(t *testing.T, handle func(net.Conn)) string {
	l := listen(t)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			handle(conn)
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

func serveTLS(t *testing.T, conf *tls.Config) string {
	return serve(t, func(conn net.Conn) {
		_ = tls.Server(conn, conf).Handshake()
	})
}

func servePlain(t *testing.T) string {
	return serve(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
	})
}

func refusingAddr(t *testing.T) string {
	l := listen(t)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}
