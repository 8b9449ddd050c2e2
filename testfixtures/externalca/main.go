// Command externalca is a certificate authority outside of a swarm, for
// recordings of one: swarmkit's own test server behind a new root.
//
//	externalca DIR SWARMROOT
//
// It writes the root's certificate to DIR/root.pem, prints the URL that signs,
// on localhost, and serves until it is killed. SWARMROOT is the certificate of
// the swarm's own root, whose managers may ask.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/moby/swarmkit/v2/ca"
	"github.com/moby/swarmkit/v2/ca/testutils"
)

func main() {
	if err := serve(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "externalca:", err)
		os.Exit(1)
	}
	select {}
}

func serve(dir, swarmRoot string) error {
	old, err := os.ReadFile(swarmRoot)
	if err != nil {
		return err
	}
	root, err := ca.CreateRootCA("swarmdr external CA")
	if err != nil {
		return err
	}
	signer, err := root.Signer()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "root.pem"), root.Certs, 0o644); err != nil {
		return err
	}
	both, err := ca.NewRootCA(append(append([]byte(nil), root.Certs...), old...), root.Certs, signer.Key, ca.DefaultNodeCertExpiration, nil)
	if err != nil {
		return err
	}
	server, err := testutils.NewExternalSigningServer(both, dir)
	if err != nil {
		return err
	}
	fmt.Println(server.URL)
	return nil
}
