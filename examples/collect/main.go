// Collect ships what memguard leaves in a dump directory to object storage:
// complete dumps with their manifests, and black boxes, last words and exit
// stories of runs that ended. It is a sidecar, or with -once a job.
//
//	collect -bucket s3://dumps -dir /dumps [-prefix memguard/] [-once] [-delete]
//
// It may be killed at any moment and started again: what has arrived is found,
// what has not is sent, and nothing leaves the volume that was not verified in
// the bucket.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/memguard-dev/go-memguard/internal/identity"
)

func main() {
	stop, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	os.Exit(run(stop, os.Args[1:], os.Getenv, os.Stderr))
}

// run gives the exit code: 0 when everything has arrived, 1 when something is
// left, 2 for wrong flags.
func run(stop context.Context, args []string, getenv func(string) string, out io.Writer) int {
	o, err := configure(args, getenv, out)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(out, "collect:", err)
		return 2
	}
	log := slog.New(slog.NewTextHandler(out, nil))
	c := newCollector(o, getenv, log)
	if o.metricsAddr != "" {
		stopServing, err := c.metrics.serve(o.metricsAddr, log)
		if err != nil {
			fmt.Fprintln(out, "collect:", err)
			return 1
		}
		defer func() {
			if err := stopServing(); err != nil {
				log.Warn("collect: metrics", "err", err)
			}
		}()
	}
	defer func() {
		if err := c.close(); err != nil {
			log.Warn("collect: bucket", "err", err)
		}
	}()
	var last report
	if o.once {
		if onTerminal(out) {
			c.progress = progress(out)
		}
		last = c.drain(stop, o)
		fmt.Fprintln(out, "collect:", last)
	} else {
		last = c.loop(stop, o, log)
	}
	if !last.complete() {
		fmt.Fprintln(out, "collect: not everything has arrived")
		return 1
	}
	return 0
}

func newCollector(o options, getenv func(string) string, log *slog.Logger) *collector {
	hostname, _ := os.Hostname() // Without one, a pod is named by its variables or not at all.
	return &collector{
		dir: o.dir, prefix: o.prefix, here: identity.FromEnvironment(getenv, hostname),
		remove: o.remove, keepFor: o.keepFor,
		open: func(ctx context.Context) (*store, error) { return openStore(ctx, o.bucket) },
		now:  time.Now, ledger: newLedger(), complaints: complaints{log: log}, metrics: newMetrics(),
		progress: func(int, int, file, shipped, error) {},
	}
}

func (c *collector) close() error {
	if c.store == nil {
		return nil
	}
	return c.store.Close()
}

// progress writes a line for each file.
func progress(out io.Writer) func(at, of int, f file, s shipped, err error) {
	return func(at, of int, f file, s shipped, err error) {
		what := "there already"
		switch {
		case err != nil:
			what = err.Error()
		case s.sent:
			what = fmt.Sprintf("%d bytes to %s", s.bytes, s.key)
		}
		fmt.Fprintf(out, "[%d/%d] %s: %s\n", at, of, f.text, what)
	}
}

func onTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
