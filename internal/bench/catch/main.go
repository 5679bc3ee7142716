// Catch is the duel: the same program is driven into its memory limit again
// and again, each time under another watcher, until the kernel kills it. Then
// the dump directory is all there is to judge by.
//
//	catch duel   every watcher, at every rate; writes the tables
//	catch run    one cell of the table, with the figures of each run
//	catch table  the tables again, from the figures that duel wrote with -json
//
// It needs root and a memory cgroup hierarchy to make groups in.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "catch:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("want duel, run or table")
	}
	switch args[0] {
	case "duel":
		return duel(ctx, args[1:])
	case "run":
		return runCell(ctx, args[1:])
	case "table":
		return remakeTable(args[1:])
	case stageCommand:
		return stage(args[1:])
	case victimCommand:
		return victim(args[1:])
	default:
		return fmt.Errorf("no command %q: want duel, run or table", args[0])
	}
}
