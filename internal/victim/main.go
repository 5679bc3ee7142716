// Victim is a program that suffers on request: it leaks, fills the page cache,
// writes logs or starts goroutines, in a measured way, so that tests can watch
// what the kernel and the guard make of it.
//
//	victim leak -rate 20MiB -object 1KiB -base 0 -max 0 [-outside] [-beat file]
//	victim pagecache -total 384MiB -dir /data [-keep] [-wait]
//	victim logwriter -total 384MiB -dir /data [-rotate 16MiB] [-wait]
//	victim shmem -size 64MiB [-wait]
//	victim spawn -rate 20MiB -object 1KiB -max 0 [-wait]
//	victim goroutines -n 10000 [-wait]
//	victim stacks -n 30000 -until 124MiB -usage /sys/fs/cgroup/…
//	victim idle
//	victim die -how panic|fatal|stack|exit -after 1s
//	victim spike -size 64MiB -hold 60ms -after 1s [-wait]
//
// It prints "ready" when it begins and "done" when its work is finished, and
// ends with 0 then or, where it waits, at SIGTERM.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// A mode declares its flags and returns the work to do once they are parsed.
type mode func(*flag.FlagSet) work

// work runs until it is done or told to end; hold keeps the process after it.
type work func(ctx context.Context, out io.Writer) (hold bool, err error)

var modes = map[string]mode{
	"leak":       leakMode,
	"pagecache":  pageCacheMode,
	"logwriter":  logWriterMode,
	"shmem":      shmemMode,
	"spawn":      spawnMode,
	"goroutines": goroutinesMode,
	"stacks":     stacksMode,
	"idle":       idleMode,
	"die":        dieMode,
	"spike":      spikeMode,
}

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	do, err := parse(args, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "victim:", err)
		return 2
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	stop := start()
	defer stop()
	if err := perform(ctx, do, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "victim:", err)
		return 1
	}
	return 0
}

// parse finds the mode and reads its flags.
func parse(args []string, usage io.Writer) (work, error) {
	names := strings.Join(slices.Sorted(maps.Keys(modes)), ", ")
	if len(args) == 0 {
		return nil, fmt.Errorf("no mode given: want one of %s", names)
	}
	m, ok := modes[args[0]]
	if !ok {
		return nil, fmt.Errorf("no mode %q: want one of %s", args[0], names)
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.SetOutput(usage)
	do := m(flags)
	if err := flags.Parse(args[1:]); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%s takes flags only, got %q", args[0], flags.Args())
	}
	return do, nil
}

func perform(ctx context.Context, do work, out io.Writer) error {
	fmt.Fprintln(out, "ready")
	hold, err := do(ctx, out)
	if ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())) {
		return nil // Told to end early: that is no failure.
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "done")
	if hold {
		<-ctx.Done()
	}
	return nil
}
