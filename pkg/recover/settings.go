package recover

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/swarmdr/swarmdr/internal/durable"
)

const (
	dockerState = "docker-state.json"
	allIPv4     = "0.0.0.0"
	allIPv6     = "::"
	defaultPort = "2377"
)

// settings are the parts of docker-state.json that a recovery must keep.
type settings struct {
	ListenAddr, AdvertiseAddr, DataPathAddr string
}

func readSettings(dir string) (settings, error) {
	s := settings{}
	data, err := os.ReadFile(filepath.Join(dir, dockerState))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("read %s: %v", dockerState, err)
	}
	return s, nil
}

// readdress copies docker-state.json with the address of the plan.
func readdress(src, dst string, p *Plan) error {
	return dressAs(os.DirFS(src), dst, p.Evidence.Contents.Address, p.Address)
}

// dressAs copies docker-state.json for a manager that moves from one address to
// another, which may be the same, without the remote that it once joined
// through. Fields we do not know stay. Where there is no such file, as after a
// force-new-cluster that failed, it writes one.
func dressAs(src fs.FS, dst, from, to string) error {
	fields := map[string]any{}
	data, err := fs.ReadFile(src, dockerState)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return err
	}
	if !missing {
		if err := json.Unmarshal(data, &fields); err != nil {
			return fmt.Errorf("read %s: %v", dockerState, err)
		}
	}
	fields["RemoteAddr"], fields["JoinInProgress"] = "", false
	if missing || from != to {
		listen, _ := fields["ListenAddr"].(string)
		fields["LocalAddr"], _ = splitAddr(to)
		fields["AdvertiseAddr"], fields["DataPathAddr"] = to, ""
		fields["ListenAddr"] = listenAddr(listen, from, to)
	}
	data, err = json.Marshal(fields)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dst, dockerState), data, 0o600)
}

// listenAddr keeps the old one as far as it fits the new address: the address
// of one interface is gone, and 0.0.0.0 takes no IPv6.
func listenAddr(old, from, to string) string {
	host, port := splitAddr(old)
	newHost, newPort := splitAddr(to)
	if _, oldPort := splitAddr(from); port == "" || newPort != oldPort {
		port = newPort
	}
	if host != allIPv6 {
		host = allIPv4
	}
	if strings.Contains(newHost, ":") {
		host = allIPv6
	}
	return net.JoinHostPort(host, port)
}

// splitAddr returns what there is of HOST:PORT.
func splitAddr(addr string) (host, port string) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr, ""
	}
	return host, port
}

// parseAddress reads an address to advertise, IP or IP:PORT, with or without
// the brackets of IPv6; without a port it is that of the old address. The
// engine resolves no names here.
func parseAddress(text, old string) (string, error) {
	host, port := splitAddr(text)
	if inner, ok := strings.CutPrefix(host, "["); ok && strings.HasSuffix(inner, "]") {
		host = strings.TrimSuffix(inner, "]")
	}
	if port == "" {
		_, port = splitAddr(old)
	}
	if port == "" {
		port = defaultPort
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.IsUnspecified() {
		return "", fmt.Errorf("advertise address %q: want the IP address of an interface, or IP:PORT", text)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("advertise address %q: malformed port", text)
	}
	return net.JoinHostPort(ip.String(), port), nil
}
