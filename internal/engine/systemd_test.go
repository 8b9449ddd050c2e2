package engine_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/engine"
)

func TestSystemd(t *testing.T) {
	t.Parallel()
	h := startHost(t)
	t.Run("a stopped daemon stays down when docker.sock is touched", func(t *testing.T) { testStaysDown(t, h) })
	t.Run("start brings back both", func(t *testing.T) { testStartBringsBack(t, h) })
	t.Run("both are idempotent", func(t *testing.T) { testIdempotent(t, h) })
	t.Run("a process that takes over starts both", func(t *testing.T) { testTakeOver(t, h) })
	t.Run("more starts than systemd allows", func(t *testing.T) { testManyStarts(t, h) })
	t.Run("a daemon that ignores SIGTERM is killed", func(t *testing.T) { testKill(t, h) })
	t.Run("a daemon that does not start", func(t *testing.T) { testBroken(t, h) })
	t.Run("no such unit", func(t *testing.T) { testNoUnit(t, h) })
}

// The trap that Stop avoids comes first, so that the test can fail.
func testStaysDown(t *testing.T, h *host) {
	if out, err := h.run("systemctl", "stop", "docker.service"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	touch(h)
	eventually(t, 20*time.Second, "docker.service alone stopped, then a touch", func() error {
		return h.wantState("docker.service", "active")
	})

	s := &engine.Systemd{Address: h.bus(), Notice: func(text string) { t.Errorf("notice: %s", text) }}
	start := time.Now()
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("stopped in %v", time.Since(start))
	for range 10 {
		touch(h)
		time.Sleep(50 * time.Millisecond)
	}
	for _, unit := range []string{"docker.service", "docker.socket"} {
		if err := h.wantState(unit, "inactive"); err != nil {
			t.Error(err)
		}
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func touch(h *host) {
	if conn, err := net.Dial("unix", h.path("/run/docker.sock")); err == nil {
		_ = conn.Close()
	}
}

func testStartBringsBack(t *testing.T, h *host) {
	s := &engine.Systemd{Address: h.bus()}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantUp(t, h)
}

func wantUp(t *testing.T, h *host) {
	t.Helper()
	for _, unit := range []string{"docker.service", "docker.socket"} {
		if err := h.wantState(unit, "active"); err != nil {
			t.Error(err)
		}
	}
	c, err := engine.Connect(h.dockerHost(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.WaitAPI(t.Context()); err != nil {
		t.Error(err)
	}
}

func testIdempotent(t *testing.T, h *host) {
	s := &engine.Systemd{Address: h.bus()}
	for _, step := range []func() error{
		func() error { return s.Start(t.Context()) },
		func() error { return s.Stop(t.Context()) },
		func() error { return s.Stop(t.Context()) },
		func() error { return s.Start(t.Context()) },
		func() error { return s.Start(t.Context()) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	wantUp(t, h)
}

func testTakeOver(t *testing.T, h *host) {
	if err := (&engine.Systemd{Address: h.bus()}).Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := (&engine.Systemd{Address: h.bus()}).Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantUp(t, h)
}

// docker.service has StartLimitBurst=3 in 60 s.
func testManyStarts(t *testing.T, h *host) {
	s := &engine.Systemd{Address: h.bus()}
	for range 5 {
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	wantUp(t, h)
}

func testKill(t *testing.T, h *host) {
	h.addUnit(t, "stubborn.service", `[Service]
Type=notify
NotifyAccess=all
ExecStart=/bin/sh -c 'trap "" TERM; sleep 1000 & systemd-notify --ready; while :; do wait; done'
KillMode=process
Restart=always
`)
	var notices []string
	s := &engine.Systemd{
		Service: "stubborn.service", Socket: "stubborn.socket", Address: h.bus(),
		StopLimit: time.Second, Notice: func(text string) { notices = append(notices, text) },
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < time.Second || took > 10*time.Second {
		t.Errorf("stopped in %v with a limit of 1s", took)
	}
	if len(notices) != 1 || !strings.Contains(notices[0], "stubborn.service") {
		t.Errorf("notices %q", notices)
	}
	if out, err := h.run("pgrep", "-f", "^sleep 1000"); err != nil {
		t.Errorf("its child was killed too: %v %s", err, out)
	}
	time.Sleep(300 * time.Millisecond) // Restart=always waits 100 ms
	if err := h.wantState("stubborn.service", "failed"); err != nil {
		t.Error(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatalf("start after a kill: %v", err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func testBroken(t *testing.T, h *host) {
	h.addUnit(t, "broken.service", "[Service]\nType=notify\nExecStart=/bin/false\n")
	s := &engine.Systemd{Service: "broken.service", Socket: "broken.socket", Address: h.bus()}
	err := s.Start(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "start broken.service: ") || !strings.Contains(err.Error(), "failed") {
		t.Errorf("start: %v", err)
	}
}

func testNoUnit(t *testing.T, h *host) {
	s := &engine.Systemd{Service: "nosuch.service", Address: h.bus()}
	if err := s.Stop(t.Context()); err == nil || !strings.Contains(err.Error(), "nosuch.service") {
		t.Errorf("stop: %v", err)
	}
	if err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "nosuch.service") {
		t.Errorf("start: %v", err)
	}
	wantUp(t, h) // docker.socket must not have gone down with it
}

func TestSystemdWithoutABus(t *testing.T) {
	s := &engine.Systemd{Address: fmt.Sprintf("unix:path=%s/nobody", t.TempDir())}
	if err := s.Stop(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "connect to systemd: ") {
		t.Errorf("stop: %v", err)
	}
}
