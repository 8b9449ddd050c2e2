package engine_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/engine"
)

func TestTCPWithTLS(t *testing.T) {
	t.Parallel()
	pki := makePKI(t)
	host := "tcp://" + freeAddr(t)
	startDockerd(t, "--host", host, "--tlsverify",
		"--tlscacert", pki+"/ca.pem", "--tlscert", pki+"/server.pem", "--tlskey", pki+"/server-key.pem")

	good := engine.TLS{CACert: pki + "/ca.pem", Cert: pki + "/client.pem", Key: pki + "/client-key.pem"}
	unverified := good
	unverified.CACert, unverified.SkipVerify = "", true
	for _, c := range []struct {
		name string
		tls  engine.TLS
		ok   bool
	}{
		{"verified both ways", good, true},
		{"server not verified", unverified, true},
		{"no client certificate", engine.TLS{CACert: good.CACert}, false},
		{"another authority", engine.TLS{CACert: pki + "/other.pem", Cert: good.Cert, Key: good.Key}, false},
		{"no TLS", engine.TLS{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantStatus(t, connect(t, host, engine.Options{TLS: c.tls}), c.ok)
		})
	}
}

func TestSSH(t *testing.T) {
	t.Parallel()
	needCommands(t, "ssh", "ssh-keygen", "docker")
	d := startDockerd(t)
	addr, flags := startSSHD(t)
	c := connect(t, "ssh://root@"+addr+d.socket, engine.Options{SSHFlags: flags})
	wantStatus(t, c, true)
	wantStatus(t, c, true) // over the connection that is there

	c = connect(t, "ssh://root@"+addr+"/nonexistent.sock", engine.Options{SSHFlags: flags})
	wantStatus(t, c, false)
	c = connect(t, "ssh://root@"+freeAddr(t), engine.Options{SSHFlags: flags})
	wantStatus(t, c, false)
}

func wantStatus(t *testing.T, c *engine.Client, ok bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	st, err := c.Status(ctx)
	if (err == nil) != ok {
		t.Errorf("status %+v, %v", st, err)
	}
	if err == nil && (st.Version == "" || st.State != engine.StateInactive) {
		t.Errorf("status %+v", st)
	}
}

// startSSHD runs a real sshd on loopback with keys made for it and returns its
// address and the flags that let ssh in.
func startSSHD(t *testing.T) (addr string, flags []string) {
	t.Helper()
	const sshd = "/usr/sbin/sshd"
	needRoot(t)
	if _, err := os.Stat(sshd); err != nil {
		missing(t, "openssh-server")
	}
	dir := tempDir(t)
	for _, key := range []string{"host", "user"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", dir+"/"+key).CombinedOutput(); err != nil {
			t.Fatalf("make key: %v: %s", err, out)
		}
	}
	addr = freeAddr(t)
	writeFile(t, dir+"/conf", fmt.Sprintf(
		"ListenAddress %s\nHostKey %s/host\nAuthorizedKeysFile %s/user.pub\nStrictModes no\nUsePAM yes\n"+
			"PidFile none\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nSetEnv PATH=%s\n",
		addr, dir, dir, os.Getenv("PATH")))
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, exec.Command(sshd, "-D", "-e", "-f", dir+"/conf"))
	eventually(t, 10*time.Second, "sshd", func() error {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	return addr, []string{
		"-F", "none", "-i", dir + "/user", "-o", "BatchMode=yes",
		"-o", "StrictHostKeyChecking=accept-new", "-o", "UserKnownHostsFile=" + dir + "/known",
	}
}

func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// makePKI writes an authority, a server's and a client's certificate with
// their keys, and an authority that signed neither.
func makePKI(t *testing.T) (dir string) {
	t.Helper()
	dir = tempDir(t)
	ca, caKey := issue(t, dir, "ca", nil, nil)
	issue(t, dir, "server", ca, caKey)
	issue(t, dir, "client", ca, caKey)
	issue(t, dir, "other", nil, nil)
	return dir
}

func issue(t *testing.T, dir, name string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: parent == nil,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(dir, name+".pem"), "CERTIFICATE", der)
	writePEM(t, filepath.Join(dir, name+"-key.pem"), "EC PRIVATE KEY", keyDER)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	writeFile(t, path, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
}
