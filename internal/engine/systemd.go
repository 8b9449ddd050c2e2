package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// Limits of one Stop or Start over systemd. An idle manager stops in 2 to 4
// s, one with containers in up to 15 s more (dockerd --shutdown-timeout).
const (
	systemdStopLimit  = time.Minute
	systemdKillLimit  = 30 * time.Second
	systemdStartLimit = 2 * time.Minute
)

// Systemd controls the daemon over D-Bus. It is not for concurrent use.
//
// The socket goes first: with docker.service alone stopped, whoever touches
// docker.sock starts it again.
type Systemd struct {
	Service string // docker.service if empty
	Socket  string // docker.socket if empty; a host without one is fine
	// Address of the bus, as in unix:path=/run/dbus/system_bus_socket; the
	// system's own if empty.
	Address string
	// StopLimit is how long the daemon has to obey SIGTERM before SIGKILL; a
	// minute if 0. One without a leader ignores it for minutes.
	StopLimit time.Duration
	// Notice, if set, is told in words when the daemon is killed.
	Notice func(text string)

	// socketWasActive is nil until Stop has looked.
	socketWasActive *bool
}

// Stop stops socket and service and kills the daemon's process, and it alone,
// when it does not obey: containers and their shims stay.
func (s *Systemd) Stop(ctx context.Context) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	units, err := s.units(ctx, conn)
	if err != nil {
		return fmt.Errorf("stop %s: %w", s.service(), err)
	}
	if err := s.stopUnits(ctx, conn, units); err != nil {
		return fmt.Errorf("stop %s: %w", s.service(), err)
	}
	return s.checkDown(ctx, conn, units)
}

func (s *Systemd) stopUnits(ctx context.Context, conn *dbus.Conn, units []string) error {
	results := make(chan string, len(units))
	for _, u := range units {
		if _, err := conn.StopUnitContext(ctx, u, "replace", results); err != nil {
			return err
		}
	}
	err := await(ctx, results, len(units), orLimit(s.StopLimit, systemdStopLimit))
	if !errors.Is(err, errJobLimit) {
		return err
	}
	s.notice(fmt.Sprintf("%s does not obey SIGTERM: killing it", s.service()))
	if err := conn.KillUnitWithTarget(ctx, s.service(), dbus.Main, int32(unix.SIGKILL)); err != nil {
		return fmt.Errorf("kill it: %w", err)
	}
	return s.awaitDown(ctx, conn, units)
}

// Start starts the service, and the socket if it was active when Stop looked.
// A Systemd that has not stopped anything, such as that of a process which
// takes over from a dead one, starts the socket if it is enabled.
func (s *Systemd) Start(ctx context.Context) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// After a kill the unit is failed, and after three starts in a minute
	// systemd refuses both units (StartLimitBurst=3 in docker.service). A unit
	// that is not loaded has nothing to reset, and its error says no more.
	_ = conn.ResetFailedUnitContext(ctx, s.socket())
	_ = conn.ResetFailedUnitContext(ctx, s.service())
	units := []string{s.service()}
	if s.wantsSocket(ctx, conn) {
		units = []string{s.socket(), s.service()}
	}
	for _, u := range units {
		if err := startUnit(ctx, conn, u); err != nil {
			return fmt.Errorf("start %s: %w", u, err)
		}
	}
	return nil
}

func startUnit(ctx context.Context, conn *dbus.Conn, unit string) error {
	result := make(chan string, 1)
	if _, err := conn.StartUnitContext(ctx, unit, "replace", result); err != nil {
		return err
	}
	return await(ctx, result, 1, systemdStartLimit)
}

// units lists what has to be stopped, in order, and remembers the socket.
func (s *Systemd) units(ctx context.Context, conn *dbus.Conn) ([]string, error) {
	service, err := property(ctx, conn, s.service(), "LoadState")
	if err != nil {
		return nil, err
	}
	if service == "not-found" {
		return nil, errors.New("systemd knows no such unit")
	}
	state, err := property(ctx, conn, s.socket(), "ActiveState")
	if err != nil {
		return nil, err
	}
	active := state == "active"
	if s.socketWasActive == nil {
		s.socketWasActive = &active
	}
	if isDown(state) {
		return []string{s.service()}, nil
	}
	return []string{s.socket(), s.service()}, nil
}

func (s *Systemd) wantsSocket(ctx context.Context, conn *dbus.Conn) bool {
	if s.socketWasActive != nil {
		return *s.socketWasActive
	}
	state, err := property(ctx, conn, s.socket(), "UnitFileState")
	return err == nil && (state == "enabled" || state == "enabled-runtime")
}

// awaitDown follows a kill. The stop jobs may have ended by then, with a
// timeout of systemd's own, so it looks at the units.
func (s *Systemd) awaitDown(ctx context.Context, conn *dbus.Conn, units []string) error {
	ctx, cancel := context.WithTimeout(ctx, systemdKillLimit)
	defer cancel()
	var last error
	err := poll(ctx, func(ctx context.Context) (bool, error) {
		last = s.checkDown(ctx, conn, units)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("%w (last: %v)", err, last)
	}
	return nil
}

func (s *Systemd) checkDown(ctx context.Context, conn *dbus.Conn, units []string) error {
	for _, u := range units {
		state, err := property(ctx, conn, u, "ActiveState")
		if err != nil {
			return fmt.Errorf("check %s: %w", u, err)
		}
		if !isDown(state) {
			return fmt.Errorf("stop %s: it is %s", u, state)
		}
	}
	return nil
}

func isDown(state string) bool { return state == "inactive" || state == "failed" }

func (s *Systemd) connect(ctx context.Context) (*dbus.Conn, error) {
	dial := func() (*godbus.Conn, error) {
		return godbus.Connect(s.Address, godbus.WithContext(ctx), godbus.WithAuth(godbus.AuthExternal(strconv.Itoa(os.Getuid()))))
	}
	var conn *dbus.Conn
	var err error
	if s.Address == "" {
		conn, err = dbus.NewWithContext(ctx)
	} else {
		conn, err = dbus.NewConnection(dial)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to systemd: %w", err)
	}
	return conn, nil
}

func property(ctx context.Context, conn *dbus.Conn, unit, name string) (string, error) {
	p, err := conn.GetUnitPropertyContext(ctx, unit, name)
	if err != nil {
		return "", err
	}
	text, ok := p.Value.Value().(string)
	if !ok {
		return "", fmt.Errorf("property %s is no text", name)
	}
	return text, nil
}

// errJobLimit is returned by await.
var errJobLimit = errors.New("systemd's job has not ended within its limit")

// await takes n job results, all of which must be done.
func await(ctx context.Context, results <-chan string, n int, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for range n {
		select {
		case r := <-results:
			if r != "done" {
				return fmt.Errorf("systemd's job ended as %q", r)
			}
		case <-timer.C:
			return errJobLimit
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func orLimit(limit, standard time.Duration) time.Duration {
	if limit <= 0 {
		return standard
	}
	return limit
}

func (s *Systemd) notice(text string) {
	if s.Notice != nil {
		s.Notice(text)
	}
}

func (s *Systemd) service() string {
	if s.Service == "" {
		return "docker.service"
	}
	return s.Service
}

func (s *Systemd) socket() string {
	if s.Socket == "" {
		return "docker.socket"
	}
	return s.Socket
}
