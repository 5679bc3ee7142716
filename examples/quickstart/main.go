// Quickstart shows memguard at work in half a minute: a program with a real
// memory limit leaks until the threshold, memguard writes a heap dump, and the
// dump names the leaking function.
//
//	go run ./examples/quickstart
//
// As root on Linux it gives itself a cgroup with a limit of 256 MiB and
// removes that at the end. In a container with a limit of at most 1 GiB it
// uses that one. Elsewhere it takes MEMGUARD_MEMORY_LIMIT, or 256Mi, as limit.
package main

import (
	"fmt"
	"os"
)

func main() {
	var err error
	if os.Getenv(childVariable) != "" {
		err = watch()
	} else {
		err = launch()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}
