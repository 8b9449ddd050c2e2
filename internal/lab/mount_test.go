package lab

import (
	"os"
	"strings"
	"testing"
)

const mountTable = `23 29 0:21 / /proc rw,nosuid - proc proc rw
29 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw
31 29 254:1 /sub /var rw - xfs /dev/vdb rw
40 31 0:4 net:[4026532] /var/lab\040one/m1/net rw - nsfs nsfs rw
broken line
41 31 254:1 /sub/lab\134x/data /var/lab\134x/m1/data rw - xfs /dev/vdb rw
`

func TestParseMounts(t *testing.T) {
	all := parseMounts(mountTable)
	if len(all) != 5 {
		t.Fatalf("%d mounts, want 5: %+v", len(all), all)
	}
	if m := all[3]; m.point != "/var/lab one/m1/net" || m.fsType != "nsfs" {
		t.Errorf("got %+v", m)
	}
	if m := all[4]; m.point != `/var/lab\x/m1/data` || m.fsType != "xfs" {
		t.Errorf("got %+v", m)
	}
}

func FuzzParseMounts(f *testing.F) {
	own, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || len(parseMounts(string(own))) == 0 {
		f.Fatalf("read own mounts: %v", err)
	}
	f.Add(string(own))
	f.Add(mountTable)
	f.Add(`1 2 3 4 \ 6 - a`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range parseMounts(text) {
			if m.point == "" || m.fsType == "" {
				t.Errorf("half a mount: %+v", m)
			}
			if !strings.Contains(text, `\`) && !strings.Contains(text, m.point) {
				t.Errorf("invented %q", m.point)
			}
		}
	})
}
