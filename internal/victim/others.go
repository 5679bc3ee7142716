package main

import (
	"context"
	"flag"
	"io"
	"os"
	"sync"
)

func shmemMode(flags *flag.FlagSet) work {
	n := sizeFlag(flags, "size", 64<<20, "bytes of shared memory to fill")
	wait := waitFlag(flags)
	return func(ctx context.Context, _ io.Writer) (bool, error) {
		shared, err := mapShared(int(*n))
		if err != nil {
			return false, err
		}
		for i := 0; i < len(shared); i += os.Getpagesize() {
			if i%(1<<20) == 0 && ctx.Err() != nil {
				return false, ctx.Err()
			}
			shared[i] = 1
		}
		return *wait, nil
	}
}

func goroutinesMode(flags *flag.FlagSet) work {
	n := flags.Int("n", 10_000, "goroutines to start")
	wait := waitFlag(flags)
	return func(ctx context.Context, _ io.Writer) (bool, error) {
		var parked sync.WaitGroup
		for range *n {
			parked.Add(1)
			go parkRequestHandler(ctx, &parked)
		}
		parked.Wait()
		return *wait, nil
	}
}

// parkRequestHandler is the line that a goroutine profile has to name.
//
//go:noinline
func parkRequestHandler(ctx context.Context, parked *sync.WaitGroup) {
	parked.Done()
	<-ctx.Done()
}

func idleMode(*flag.FlagSet) work {
	return func(context.Context, io.Writer) (bool, error) { return true, nil }
}
