package snapshot

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"slices"

	"github.com/swarmdr/swarmdr/pkg/unlock"
)

const (
	nodeCertPath = "certificates/swarm-node.crt"
	rootCertPath = "certificates/swarm-root-ca.crt"
)

// checkCertificate checks that the node certificate is that of nodeID in
// clusterID, that its key is key, and that the root certificate beside it
// issued it. Whether it has expired does not matter here.
func checkCertificate(fsys fs.FS, key *unlock.NodeKey, nodeID, clusterID string) (*x509.Certificate, error) {
	chain, err := readCertificates(fsys, nodeCertPath)
	if err != nil {
		return nil, err
	}
	roots, err := readCertificates(fsys, rootCertPath)
	if err != nil {
		return nil, err
	}
	leaf := chain[0]
	if cn := leaf.Subject.CommonName; cn != nodeID {
		return nil, fmt.Errorf("certificate of node %s beside the log of node %s: %w", cn, nodeID, ErrMismatch)
	}
	if o := leaf.Subject.Organization; !slices.Equal(o, []string{clusterID}) {
		return nil, fmt.Errorf("certificate of cluster %v beside the log of cluster %s: %w", o, clusterID, ErrMismatch)
	}
	if !issued(roots, chain) {
		return nil, fmt.Errorf("the node certificate is not from the CA in %s: %w", rootCertPath, ErrMismatch)
	}
	return leaf, samePublicKey(leaf, key)
}

func readCertificates(fsys fs.FS, name string) ([]*x509.Certificate, error) {
	rest, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIncomplete, err)
	}
	return parseCertificates(name, rest)
}

func parseCertificates(name string, rest []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: parse %s: %v", ErrIncomplete, name, err)
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("%w: no certificate in %s", ErrIncomplete, name)
	}
	return certs, nil
}

// issued says whether the first of chain leads to one of the roots at any
// time. A manager with an expired certificate can be recovered from
// (swarmkit#1919), so the times tried are those at which each one ends.
func issued(roots, chain []*x509.Certificate) bool {
	opts := x509.VerifyOptions{
		Roots: pool(roots), Intermediates: pool(chain[1:]),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	return slices.ContainsFunc(slices.Concat(chain, roots), func(c *x509.Certificate) bool {
		opts.CurrentTime = c.NotAfter
		_, err := chain[0].Verify(opts)
		return err == nil
	})
}

func pool(certs []*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certs {
		p.AddCert(c)
	}
	return p
}

func samePublicKey(cert *x509.Certificate, key *unlock.NodeKey) error {
	public, err := key.PublicKey()
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return fmt.Errorf("encode public key: %w", err)
	}
	if !bytes.Equal(der, cert.RawSubjectPublicKeyInfo) {
		return fmt.Errorf("the node certificate is not that of the node key: %w", ErrMismatch)
	}
	return nil
}
