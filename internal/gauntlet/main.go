// Gauntlet is a row of small programs, each with one thing wrong with its
// memory, or nothing, so that what memguard says of them can be judged:
//
//	gauntlet <scenario> <dir>
//
// It does the scenario until it is ended, and prints what memguard says of it
// every half second, a JSON object to a line.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/memguard-dev/go-memguard/memguard"
)

// report is a line.
type report struct {
	At       time.Duration      `json:"at_ns"`
	Findings []memguard.Finding `json:"findings"`
	// Usage is that of the tree, whose children AddUp or not.
	Usage     uint64             `json:"usage_bytes"`
	AddsUp    bool               `json:"adds_up"`
	Remainder uint64             `json:"remainder_bytes"`
	Tree      memguard.Breakdown `json:"tree"`
}

// childVariable makes this program the child of a scenario.
const childVariable = "GAUNTLET_CHILD"

func main() {
	if how := os.Getenv(childVariable); how != "" {
		child(how)
		return
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gauntlet:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("want a scenario and a directory, got %q", args)
	}
	i := slices.IndexFunc(scenarios(), func(s scenario) bool { return s.name == args[0] })
	if i < 0 {
		return fmt.Errorf("no scenario %q", args[0])
	}
	if scenarios()[i].run == nil {
		return fmt.Errorf("%s needs a build with cgo", args[0])
	}
	guard, err := memguard.Start(memguard.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, nil))))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go tell(ctx, guard, os.Stdout)
	err = scenarios()[i].run(ctx, args[1])
	if ctx.Err() != nil {
		err = nil
	}
	if err == nil {
		<-ctx.Done()
	}
	if stopped := guard.Stop(); err == nil {
		err = stopped
	}
	return err
}

func tell(ctx context.Context, guard *memguard.Guard, out io.Writer) {
	start := time.Now()
	lines := json.NewEncoder(out)
	for range time.Tick(500 * time.Millisecond) {
		if ctx.Err() != nil {
			return
		}
		s := guard.Snapshot()
		r := report{At: time.Since(start), Findings: s.Findings, Usage: s.Breakdown.Bytes, AddsUp: addsUp(&s.Breakdown), Tree: s.Breakdown}
		if n, ok := s.Breakdown.Find("remainder"); ok {
			r.Remainder = n.Bytes
		}
		if lines.Encode(r) != nil {
			return
		}
	}
}

func addsUp(n *memguard.Breakdown) bool {
	sum := uint64(0)
	for i := range n.Children {
		sum += n.Children[i].Bytes
		if !addsUp(&n.Children[i]) {
			return false
		}
	}
	return len(n.Children) == 0 || sum == n.Bytes
}
