// Swarmdr, as far as the tests of package lab need it: a static executable
// that makes a lab, stops and starts its engines, and is its task.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/swarmdr/swarmdr/internal/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) < 2 || args[0] != "lab" {
		return errors.New("usage: swarmdr lab COMMAND")
	}
	o := lab.Options{Report: func(line string) { fmt.Fprintln(os.Stderr, line) }}
	flags := flag.NewFlagSet("lab", flag.ContinueOnError)
	flags.StringVar(&o.Dir, "dir", "", "")
	flags.StringVar(&o.Dockerd, "dockerd", "", "")
	flags.IntVar(&o.Managers, "managers", 1, "")
	flags.IntVar(&o.Workers, "workers", 0, "")
	flags.BoolVar(&o.Autolock, "autolock", false, "")
	flags.BoolVar(&o.KeepOnError, "keep", false, "")
	if err := flags.Parse(args[2:]); err != nil {
		return err
	}
	switch args[1] {
	case "task":
		return lab.Task(ctx, os.Stdout)
	case "dial":
		return dial(flags.Arg(0))
	case "up":
		_, err := lab.Up(ctx, o)
		return err
	}
	l, err := lab.Load(o.Dir)
	if err != nil {
		return err
	}
	l.Report = o.Report
	return act(ctx, l, args[1], flags.Args())
}

// dial tells how a connection attempt went.
func dial(addr string) error {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		fmt.Println("silence")
		return nil
	}
	if err != nil {
		fmt.Println(err)
		return nil
	}
	fmt.Println("connected")
	return c.Close()
}

func act(ctx context.Context, l *lab.Lab, verb string, names []string) error {
	switch verb {
	case "stop":
		return l.Stop(ctx, lab.StopTimeout, names...)
	case "start":
		return l.Start(ctx, names...)
	case "exec":
		n, err := l.Node(names[0])
		if err != nil {
			return err
		}
		return n.Exec(names[1], names[2:]...)
	}
	return fmt.Errorf("unknown command %q", verb)
}
