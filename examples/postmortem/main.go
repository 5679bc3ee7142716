// Postmortem tells how a process died from a copy of its dump directory: the
// verdict and its reasons, a plot of the last minute, what grew, and who
// allocated it. It reads alone: on any system, without the program's binary.
//
//	kubectl cp pod:/dumps ./dumps
//	go run -C examples/postmortem . [-list] [-run RUN] [-exit-code N] [-last 1m] /path/to/dumps
//
// With -fleet it reads a tree of such directories, as a collector makes it, and
// ranks the lines of code that held the memory of all pods together:
//
//	go run -C examples/postmortem . -fleet [-n 10] [-since 24h] [-json] /path/to/tree
//
// The exit code, if it is known, tells apart what looks the same in the
// volume: SIGKILL from outside (137) and a program that ended itself.
//
//	kubectl get pod NAME -o jsonpath='{.status.containerStatuses[*].lastState.terminated.exitCode}'
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

type options struct {
	dir, run string
	list     bool
	exitCode *int
	last     time.Duration
	columns  int
	fleet    *fleetOptions // nil: a single directory
}

// run gives the exit code: 0 with a story, 1 without, 2 for wrong flags.
func run(args []string, out, complaints io.Writer) int {
	o, err := parse(args, complaints)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(complaints, "postmortem:", err)
		return 2
	}
	if o.fleet != nil {
		err = tellFleet(o.dir, *o.fleet, theLimits, out)
	} else {
		err = tell(o, out)
	}
	if err != nil {
		fmt.Fprintln(complaints, "postmortem:", err)
		return 1
	}
	return 0
}

func parse(args []string, usage io.Writer) (options, error) {
	o := options{columns: 80}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n >= 40 && n <= 400 {
		o.columns = n
	}
	flags := flag.NewFlagSet("postmortem", flag.ContinueOnError)
	flags.SetOutput(usage)
	flags.BoolVar(&o.list, "list", false, "list all runs, a line for each")
	flags.StringVar(&o.run, "run", "", "tell this run instead of the last one that ended")
	flags.DurationVar(&o.last, "last", time.Minute, "how much of its end to plot")
	flags.Func("exit-code", "what the container ended with, such as 137", func(text string) error {
		n, err := strconv.Atoi(text)
		o.exitCode = &n
		return err
	})
	fleet := fleetFlags(flags)
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	var err error
	if o.fleet, err = fleet(); err != nil {
		return o, err
	}
	if flags.NArg() != 1 {
		return o, fmt.Errorf("want one directory, got %q", flags.Args())
	}
	if o.last <= 0 {
		return o, fmt.Errorf("-last %v: want more than 0", o.last)
	}
	o.dir = flags.Arg(0)
	return o, nil
}

// lastEnded is the last run whose end is known, and where none is the last.
// In a copy of the volume of a running pod the newest run is the one that lives.
func lastEnded(runs []past) int {
	for i := len(runs) - 1; i >= 0; i-- {
		if runs[i].ended() {
			return i
		}
	}
	return len(runs) - 1
}

func tell(o options, out io.Writer) error {
	runs, err := load(o.dir, o.exitCode)
	if err != nil {
		return err
	}
	if o.list {
		for i := range runs {
			fmt.Fprintf(out, "%s  %-13s  %s\n", runs[i].exit.Run, runs[i].exit.Kind, runs[i].exit.Summary)
		}
		return nil
	}
	if o.run == "" {
		last := lastEnded(runs)
		runs[last].tell(out, o)
		for i := last + 1; i < len(runs); i++ {
			fmt.Fprintf(out, "\nA newer run, %s, has no end here yet: it lives, or nobody has told its end. -run selects it.\n", runs[i].exit.Run)
		}
		return nil
	}
	for i := range runs {
		if o.run == runs[i].exit.Run {
			runs[i].tell(out, o)
			return nil
		}
	}
	return fmt.Errorf("no run %s in %s: -list shows those that are there", o.run, o.dir)
}
