package cli_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// exitsLimit is many times what any command in a script takes.
const exitsLimit = 15 * time.Second

// exits is the program `exits CODE COMMAND [ARG...]`: it passes signals on to
// the command and succeeds if the command ends with that code within the limit.
func exits() {
	code, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fatal(err)
	}
	cmd := command(os.Args[2:])
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if err := cmd.Start(); err != nil {
		fatal(err)
	}
	go func() {
		for s := range signals {
			cmd.Process.Signal(s)
		}
	}()
	time.AfterFunc(exitsLimit, func() { cmd.Process.Kill() })
	if got := exitCode(cmd.Wait()); got != code {
		fatal(fmt.Errorf("exit code %d, want %d", got, code))
	}
}

// isolated is the program `isolated COMMAND [ARG...]`: it runs the command in a
// network of its own that has no link, and passes its exit code on. Root is not
// needed where user namespaces are allowed.
func isolated() {
	cmd := command(os.Args[1:])
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
	}
	os.Exit(exitCode(cmd.Run()))
}

func command(argv []string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

func exitCode(err error) int {
	exit := (*exec.ExitError)(nil)
	if err != nil && !errors.As(err, &exit) {
		fatal(err)
	}
	if err == nil {
		return 0
	}
	return exit.ExitCode()
}

func fatal(err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[0], err)
	os.Exit(99)
}
