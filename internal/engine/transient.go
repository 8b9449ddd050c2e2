package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
)

// RunTransient starts argv as a unit of its own, so that it outlives the unit
// that this process runs in: a kill of that unit reaches every process of its
// cgroup, but not this one. env are the variables to pass on, as NAME=value.
// The unit goes when the command ends. It returns once the command runs.
func (s *Systemd) RunTransient(ctx context.Context, name string, argv, env []string) error {
	conn, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	result := make(chan string, 1)
	_, err = conn.StartTransientUnitContext(ctx, name, "fail", []dbus.Property{
		dbus.PropDescription(strings.Join(argv, " ")),
		dbus.PropExecStart(argv, true),
		dbus.PropType("exec"),
		{Name: "Environment", Value: godbus.MakeVariant(env)},
		{Name: "CollectMode", Value: godbus.MakeVariant("inactive-or-failed")},
	}, result)
	if err == nil {
		err = await(ctx, result, 1, systemdStartLimit)
	}
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	return nil
}
