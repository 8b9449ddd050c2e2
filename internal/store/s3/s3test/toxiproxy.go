package s3test

import (
	"net"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
)

// Toxiproxy starts one in front of the server, and returns the server as it
// looks through it.
func Toxiproxy(t testing.TB, s *Server) (*Server, *toxiproxy.Proxy) {
	t.Helper()
	api := freeAddress(t)
	host, port, err := net.SplitHostPort(api)
	if err != nil {
		t.Fatal(err)
	}
	start(t, "toxiproxy-server", []string{"-host", host, "-port", port})
	client := toxiproxy.NewClient(api)
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		proxy, err := client.CreateProxy("s3", freeAddress(t), s.address())
		if err == nil {
			through := *s
			through.Endpoint = "http://" + proxy.Listen
			return &through, proxy
		}
		if time.Since(begin) > startTimeout {
			t.Fatal(err)
		}
	}
}
