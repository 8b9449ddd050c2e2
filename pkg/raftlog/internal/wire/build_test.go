package wire

import (
	"strings"
	"sync"
	"testing"
)

// TestAllMessages builds all of the package, from several goroutines.
func TestAllMessages(t *testing.T) {
	messages, _ := registered()
	if len(messages) < 250 {
		t.Fatalf("only %d messages", len(messages))
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for name := range messages {
				name, ours := strings.CutPrefix(name, swarmkitPackage)
				if ours && Type(name) == nil && !strings.HasPrefix(name, "ProcessRaftMessageReq") && !strings.HasPrefix(name, "StreamRaftMessageReq") {
					t.Errorf("no shape for %s", name)
				}
			}
		})
	}
	wg.Wait()
}

// TestDriverOptions looks at the same type below several parents.
func TestDriverOptions(t *testing.T) {
	for path, secret := range map[string]bool{
		"TaskSpec logDriver": true, "Task logDriver": true, "TaskDefaults logDriver": true,
		"SecretSpec driver": true, "SecretSpec templating": true, "ConfigSpec templating": true,
		"VolumeSpec driver": true, "VolumeAssignment driver": true, "IPAMOptions driver": true,
		"Mount volumeOptions driverConfig": true, "NetworkSpec driverConfig": false, "Network driverState": false,
	} {
		names := strings.Fields(path)
		m := Type(names[0])
		for _, name := range names[1:] {
			m = m.child(name)
		}
		if got := m.fields[2].secret; got != secret || m.fields[2].name != "options" {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func (m *Message) child(name string) *Message {
	for i := range m.fields {
		if m.fields[i].name == name {
			return m.fields[i].child
		}
	}
	return nil
}
