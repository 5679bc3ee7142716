package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"
)

// ends are the ways in which a program ends without being told to.
var ends = map[string]func(){
	"panic": failRequest,
	"fatal": corruptMap,
	"stack": func() {
		debug.SetMaxStack(64 << 20) // The usual gigabyte takes an emulated machine minutes.
		recurse(0)
	},
	"exit": func() { os.Exit(3) },
}

func dieMode(flags *flag.FlagSet) work {
	how := flags.String("how", "panic", "panic, fatal, stack or exit")
	after := flags.Duration("after", time.Second, "time to live")
	return func(ctx context.Context, _ io.Writer) (bool, error) {
		end, ok := ends[*how]
		if !ok {
			return false, fmt.Errorf("die: no way to end called %q", *how)
		}
		if err := rest(ctx, *after); err != nil {
			return false, err
		}
		end()
		return false, fmt.Errorf("die: survived %s", *how)
	}
}

// rest waits, unless it is told to end.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

//go:noinline
func failRequest() {
	var request *session
	request.user = nil
}

// longKey takes long to compare: while it is, the map is being written to.
var longKey [256 << 10]byte

// corruptMap writes to a map from all sides, until the runtime notices.
func corruptMap() {
	m := map[any]int{}
	m[longKey] = 0
	var boxed any = longKey // Once, not at every write.
	for range 8 {
		go func() {
			for i := 0; ; i++ {
				m[boxed] = i
			}
		}()
	}
	time.Sleep(time.Minute)
}

//go:noinline
func recurse(n int) int {
	var frame [1 << 10]byte
	frame[n%len(frame)] = byte(n)
	if n < 0 { // Never: the stack ends long before.
		return 0
	}
	return recurse(n+1) + int(frame[0])
}

func spikeMode(flags *flag.FlagSet) work {
	bytes := sizeFlag(flags, "size", 64<<20, "bytes to touch")
	hold := flags.Duration("hold", 60*time.Millisecond, "time from the first touch to the return")
	after := flags.Duration("after", time.Second, "time before")
	wait := waitFlag(flags)
	return func(ctx context.Context, out io.Writer) (bool, error) {
		if err := rest(ctx, *after); err != nil {
			return false, err
		}
		begin := time.Now()
		memory, err := mapPrivate(int(*bytes))
		if err != nil {
			return false, err
		}
		touch(memory)
		touched := time.Since(begin)
		time.Sleep(*hold - touched)
		err = unmap(memory)
		fmt.Fprintln(out, "spike", begin.UnixNano(), touched, time.Since(begin))
		return *wait, err
	}
}

func touch(memory []byte) {
	for i := 0; i < len(memory); i += os.Getpagesize() {
		memory[i] = 1
	}
}
