// Measure runs any command, in any language, in a fresh memory cgroup with a
// limit, shows where its memory is while it runs, and its peak at the end.
//
//	go run -C examples/measure . -limit 256Mi -- python3 -c 'x = bytearray(100 << 20)'
//
// It works with cgroup v1 and v2 and needs root. What it shows goes to standard
// error; the command has standard input and output for itself. Its exit code is
// that of the command, 128 and the signal that killed it, 2 for wrong flags,
// 125 where no cgroup can be made, 127 where there is no such command.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/memguard-dev/go-memguard/internal/memcg"
	"github.com/memguard-dev/go-memguard/internal/quantity"
)

// The exit codes that are not the command's.
const (
	exitUsage     = 2
	exitNoGroup   = 125
	exitNoCommand = 127
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

type options struct {
	limit   int64
	every   time.Duration
	out     *os.File // nil: none
	command []string
}

func run(args []string, out *os.File) int {
	o, err := parse(args, out)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(out, "measure:", err)
		return exitUsage
	}
	code, err := measure(o, out)
	if err != nil {
		fmt.Fprintln(out, "measure:", err)
		if errors.Is(err, memcg.ErrUnavailable) {
			return exitNoGroup
		}
	}
	return code
}

func parse(args []string, usage io.Writer) (options, error) {
	o := options{limit: memcg.Unlimited}
	flags := flag.NewFlagSet("measure", flag.ContinueOnError)
	flags.SetOutput(usage)
	flags.Func("limit", "memory the command may use, such as 256Mi (default: no limit)", func(text string) error {
		n, err := quantity.Parse(text)
		if err == nil && (n < 1<<20 || n > 1<<50) {
			err = errors.New("want at least 1Mi")
		}
		o.limit = int64(n)
		return err
	})
	flags.DurationVar(&o.every, "every", time.Second, "how often to show it, at least 100ms")
	path := flags.String("out", "", "file for the result in JSON")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.every < 100*time.Millisecond {
		return o, fmt.Errorf("-every %v: want at least 100ms", o.every)
	}
	if o.command = flags.Args(); len(o.command) == 0 {
		return o, errors.New("no command: want measure [flags] -- command arguments")
	}
	if *path == "" {
		return o, nil
	}
	// A command may run for hours: what cannot be written is said before.
	var err error
	o.out, err = os.Create(*path)
	return o, err
}
