package recover

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

func TestParseAddress(t *testing.T) {
	for _, c := range []struct{ text, old, want string }{
		{"10.0.0.1", "10.0.0.9:2377", "10.0.0.1:2377"},
		{"10.0.0.1", "10.0.0.9:4567", "10.0.0.1:4567"},
		{"10.0.0.1:4568", "10.0.0.9:4567", "10.0.0.1:4568"},
		{"10.0.0.1", "", "10.0.0.1:2377"},
		{"fd00::1", "10.0.0.9:2377", "[fd00::1]:2377"},
		{"[fd00::1]", "[fd00::9]:4567", "[fd00::1]:4567"},
		{"[fd00::1]:99", "[fd00::9]:4567", "[fd00::1]:99"},
		{"FD00:0:0::1", "", "[fd00::1]:2377"},
	} {
		if got, err := parseAddress(c.text, c.old); err != nil || got != c.want {
			t.Errorf("%q after %q: %q, %v; want %q", c.text, c.old, got, err, c.want)
		}
	}
	for _, text := range []string{
		"", ":2377", "eth0", "host:2377", "10.0.0", "10.0.0.1:0", "10.0.0.1:x", "10.0.0.1:-1", "10.0.0.1:65536",
		"0.0.0.0", "::", "[::]:2377", "[fd00::1", "fd00::1]", "fd00::1:2377:", "10.0.0.1/24", " 10.0.0.1",
	} {
		if got, err := parseAddress(text, "10.0.0.9:2377"); err == nil {
			t.Errorf("%q was taken as %q", text, got)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, text := range []string{"10.0.0.1", "[fd00::1]:2377", "fd00::1%eth0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseAddress(text, "10.0.0.9:2377")
		if err != nil {
			return
		}
		if again, err := parseAddress(got, ""); err != nil || again != got {
			t.Errorf("%q became %q and %q, %v", text, got, again, err)
		}
	})
}

const recorded = `{"LocalAddr":"10.0.0.9","RemoteAddr":"10.0.0.1:2377","ListenAddr":"0.0.0.0:2377","AdvertiseAddr":"10.0.0.9:2377",` +
	`"DataPathAddr":"10.5.0.9","DefaultAddressPool":["10.8.0.0/16"],"SubnetSize":24,"DataPathPort":4790,"JoinInProgress":true,"Novel":{"a":[1]}}`

func TestReaddress(t *testing.T) {
	kept := map[string]any{"DefaultAddressPool": []any{"10.8.0.0/16"}, "SubnetSize": 24.0, "DataPathPort": 4790.0, "Novel": map[string]any{"a": []any{1.0}}}
	for name, c := range map[string]struct {
		state, old, address            string
		local, listen, advertise, data any
	}{
		"the address stays": {recorded, "10.0.0.9:2377", "10.0.0.9:2377",
			"10.0.0.9", "0.0.0.0:2377", "10.0.0.9:2377", "10.5.0.9"},
		"another host": {recorded, "10.0.0.9:2377", "10.1.0.9:2377",
			"10.1.0.9", "0.0.0.0:2377", "10.1.0.9:2377", ""},
		"another port": {recorded, "10.0.0.9:2377", "10.0.0.9:4567",
			"10.0.0.9", "0.0.0.0:4567", "10.0.0.9:4567", ""},
		"IPv6": {recorded, "10.0.0.9:2377", "[fd00::9]:2377",
			"fd00::9", "[::]:2377", "[fd00::9]:2377", ""},
		"listening on one interface": {`{"ListenAddr":"10.0.0.9:2377"}`, "10.0.0.9:2377", "10.1.0.9:2377",
			"10.1.0.9", "0.0.0.0:2377", "10.1.0.9:2377", ""},
		"listening on IPv6, all": {`{"ListenAddr":"[::]:2377"}`, "10.0.0.9:2377", "10.1.0.9:2377",
			"10.1.0.9", "[::]:2377", "10.1.0.9:2377", ""},
		"a mapped port stays": {`{"ListenAddr":"0.0.0.0:2377"}`, "10.0.0.9:12377", "10.1.0.9:12377",
			"10.1.0.9", "0.0.0.0:2377", "10.1.0.9:12377", ""},
		"no such file": {"", "10.0.0.9:2377", "10.0.0.9:2377",
			"10.0.0.9", "0.0.0.0:2377", "10.0.0.9:2377", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := readdressed(t, c.state, c.old, c.address)
			want := map[string]any{"RemoteAddr": "", "JoinInProgress": false, "LocalAddr": c.local, "ListenAddr": c.listen, "AdvertiseAddr": c.advertise, "DataPathAddr": c.data}
			if c.state == recorded {
				for field, value := range kept {
					want[field] = value
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

func readdressed(t *testing.T, state, old, address string) map[string]any {
	t.Helper()
	src, dst := t.TempDir(), t.TempDir()
	if state != "" {
		writeState(t, src, state)
	}
	p := &Plan{Address: address, Evidence: Evidence{Contents: snapshot.Contents{Address: old}}}
	if err := readdress(src, dst, p); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dst, dockerState))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dst, dockerState)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	return got
}

func writeState(t *testing.T, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, dockerState), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReaddressOfDamage(t *testing.T) {
	for _, text := range []string{"{", "[]", "\x00"} {
		src, dst := t.TempDir(), t.TempDir()
		writeState(t, src, text)
		if err := readdress(src, dst, &Plan{}); err == nil {
			t.Errorf("%q was taken", text)
		}
		if _, err := os.Stat(filepath.Join(dst, dockerState)); err == nil {
			t.Errorf("%q: a file was written", text)
		}
	}
}

func TestReadSettings(t *testing.T) {
	dir := t.TempDir()
	if s, err := readSettings(dir); err != nil || s != (settings{}) {
		t.Errorf("no file: %+v, %v", s, err)
	}
	writeState(t, dir, recorded)
	want := settings{ListenAddr: "0.0.0.0:2377", AdvertiseAddr: "10.0.0.9:2377", DataPathAddr: "10.5.0.9"}
	if s, err := readSettings(dir); err != nil || s != want {
		t.Errorf("%+v, %v", s, err)
	}
	writeState(t, dir, "{")
	if _, err := readSettings(dir); err == nil {
		t.Error("damage was taken")
	}
}
