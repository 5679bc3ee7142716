package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// stacksMode allocates through many call stacks, as large programs do, then
// fills up to a usage of its cgroup and holds.
func stacksMode(flags *flag.FlagSet) work {
	n := flags.Int("n", 30_000, "distinct allocation stacks")
	until := sizeFlag(flags, "until", 0, "usage of the cgroup in bytes to fill up to")
	usage := flags.String("usage", "", "the cgroup's usage file")
	return func(ctx context.Context, _ io.Writer) (bool, error) {
		if *usage == "" || *until == 0 {
			return false, errors.New("stacks: -usage or -until is missing")
		}
		for i := range *n {
			branch(i, 16)
		}
		// A guard that watches meanwhile has time to see what is there.
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for {
			now, err := readNumber(*usage)
			if err != nil {
				return false, err
			}
			if now >= int64(*until) {
				return true, nil
			}
			leakRequestContexts(16, 8<<10)
			select {
			case <-ctx.Done():
				return false, ctx.Err()
			case <-ticker.C:
			}
		}
	}
}

// branch takes a path of its own for each number.
func branch(path, depth int) {
	switch {
	case depth == 0:
		sessionCache = &session{next: sessionCache}
	case path>>(depth-1)&1 == 0:
		branch(path, depth-1)
	default:
		otherBranch(path, depth-1)
	}
}

//go:noinline
func otherBranch(path, depth int) { branch(path, depth) }

func readNumber(path string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return n, nil
}
