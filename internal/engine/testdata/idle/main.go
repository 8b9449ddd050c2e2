// Command idle does nothing until it is told to end. It stands in for swarmdr
// in the task image of a lab.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	<-stop
}
