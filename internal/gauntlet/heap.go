package main

import (
	"context"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/memguard-dev/go-memguard/internal/diagnose"
)

// held is what the programs keep alive.
var held struct {
	requests [][]byte
	sessions [][]byte
	nodes    []*node
	garbage  []byte
	bodies   []io.Closer
	block    chan struct{}
}

// node is a small object.
type node [128]byte

// newNode writes to it: a page that nobody has written to takes no memory.
func newNode() *node { return &node{0: 1} }

func heapScenarios() []scenario {
	return []scenario{
		{name: "heap_leak", about: "appends request contexts to a global, 2 MiB a second", want: codes(diagnose.HeapLeak), run: heapLeak(2*mib, 20*mib, 0)},
		{name: "heap_leak_under_load", about: "the same at 1.2 MiB a second, beside 30 MiB a second of garbage and sessions that come and go", want: codes(diagnose.HeapLeak), after: 50 * time.Second, run: heapLeak(1200*kib, 15*mib, 30*mib)},
		{name: "heap_leak_fast", about: "the same at 7 MiB a second", want: codes(diagnose.HeapLeak), after: 14 * time.Second, run: heapLeak(7*mib, 5*mib, 2*mib)},
		{name: "heap_leak_late", about: "steady for 20 seconds, then the same at 3 MiB a second", want: codes(diagnose.HeapLeak), after: 50 * time.Second, run: lateLeak},
		{name: "backlog", about: "a queue that is filled by 4 MiB a second and emptied by 1.6", want: codes(diagnose.HeapLeak), run: backlog},
		{name: "goroutine_leak", about: "goroutines that wait on a channel nobody closes, 300 a second", want: codes(diagnose.GoroutineLeak), run: goroutineLeak(300, 0)},
		{name: "goroutine_leak_big", about: "the same, 60 a second, each with a buffer of 32 KiB", want: codes(diagnose.GoroutineLeak), run: goroutineLeak(60, 32*kib)},
		{name: "goroutine_stacks", about: "400 goroutines whose stacks have grown to 128 KiB; no more come", want: codes(diagnose.GoroutineStacks), run: deepStacks},
		{name: "deep_goroutines", about: "goroutines that wait 100 KiB deep in their stacks, 20 a second", want: codes(diagnose.GoroutineLeak, diagnose.GoroutineStacks), run: deepGoroutines},
		{name: "unclosed_bodies", about: "HTTP responses whose bodies nobody closes, 40 a second", want: codes(diagnose.GoroutineLeak), run: unclosedBodies},
		{name: "fragmentation", about: "600,000 small objects, of which every fortieth stays", want: codes(diagnose.Fragmentation), run: fragment},
		{name: "heap_not_returned", about: "a burst of 70 MiB that is over; the runtime keeps the memory for the next one", want: codes(diagnose.HeapNotReturned), env: []string{"GOGC=off"}, run: burst},
		{name: "gc_thrash", about: "GOMEMLIMIT just above the live heap, and allocation", want: codes(diagnose.GCThrash), env: []string{"GOMEMLIMIT=64MiB"}, run: thrash(42 * mib)},
		{name: "live_heap_over_gomemlimit", about: "a live heap of 80 MiB under a GOMEMLIMIT of 60 MiB", want: codes(diagnose.LiveHeapOverGoMemLimit), env: []string{"GOMEMLIMIT=60MiB"}, run: thrash(80 * mib)},
		{name: "limit_too_close", about: "a steady live heap that leaves 8 % of the limit", want: codes(diagnose.LimitTooClose), env: []string{"GOMEMLIMIT=off"}, run: tooClose},
		{name: "timers", about: "timeouts of an hour, set by every request and never stopped", want: codes(diagnose.HeapLeak), run: leakTimers},
		{name: "growing_map", about: "a map of sessions, of which one in five is never deleted", want: codes(diagnose.HeapLeak), run: growMap},
		{name: "one_deep_stack", about: "one goroutine that has recursed 50,000 deep", want: codes(diagnose.GoroutineStacks), run: deepRecursion},
		{name: "no_limit", about: "an idle service without a limit", want: codes(diagnose.NoLimit), limit: -1, run: holdSessions(20 * mib)},
	}
}

func fillNodes(n int64) {
	for range n / 128 {
		held.nodes = append(held.nodes, newNode())
	}
}

// leakRequests is the line that a profile names.
//
//go:noinline
func leakRequests(n int64) {
	for range n / kib {
		held.requests = append(held.requests, touch(make([]byte, kib)))
	}
}

func heapLeak(rate, base, garbage int64) func(context.Context, string) error {
	return func(ctx context.Context, _ string) error {
		for range base / (64 * kib) {
			held.sessions = append(held.sessions, touch(make([]byte, 64*kib)))
		}
		go func() { _ = serve(ctx, max(garbage, 4*mib)) }()
		return steadily(ctx, rate, 0, func(n int64) error {
			leakRequests(n)
			if garbage > 0 && len(held.sessions) > 0 {
				held.sessions[rand.IntN(len(held.sessions))] = touch(make([]byte, 16*kib+rand.IntN(96*kib)))
			}
			return nil
		})
	}
}

// serve makes garbage.
func serve(ctx context.Context, rate int64) error {
	return steadily(ctx, rate, 0, func(n int64) error {
		for range n / (16 * kib) {
			held.garbage = make([]byte, 16*kib)
		}
		return nil
	})
}

func goroutineLeak(rate, each int64) func(context.Context, string) error {
	return func(ctx context.Context, _ string) error {
		held.block = make(chan struct{})
		go func() { _ = serve(ctx, 4*mib) }()
		return steadily(ctx, rate, 0, func(n int64) error {
			for range n {
				go waitForever(make([]byte, each))
			}
			return nil
		})
	}
}

// waitForever is the line that a goroutine profile names.
//
//go:noinline
func waitForever(buffer []byte) {
	touch(buffer)
	<-held.block
	runtime.KeepAlive(buffer)
}

func deepStacks(ctx context.Context, _ string) error {
	for range 400 {
		go func() {
			recurse(60, ctx.Done())
		}()
	}
	return serve(ctx, 2*mib)
}

// recurse waits with a stack of so many KiB.
//
//go:noinline
func recurse(depth int, done <-chan struct{}) byte {
	var frame [kib]byte
	frame[depth%kib] = byte(depth)
	if depth == 0 {
		<-done
		return frame[0]
	}
	return recurse(depth-1, done) + frame[depth%kib]
}

func fragment(ctx context.Context, _ string) error {
	// 64 objects of 128 bytes fill a span.
	var all []*node
	for range 600_000 {
		all = append(all, newNode())
	}
	for i, n := range all {
		if i%40 == 0 {
			held.nodes = append(held.nodes, n)
		}
	}
	clear(all)
	runtime.GC()
	return serve(ctx, 256*kib)
}

func burst(ctx context.Context, _ string) error {
	// With GOGC=off and a memory limit, as many run, the runtime has no reason
	// to give back what it may use again. All of it in a moment would look like
	// a steep ascent, at which memguard has the runtime give back what it can.
	var all [][]byte
	for range 70 {
		for range 16 {
			all = append(all, touch(make([]byte, 64*kib)))
		}
		wait(ctx, 70*time.Millisecond)
	}
	runtime.KeepAlive(all)
	runtime.GC()
	clear(all)
	runtime.GC()
	<-ctx.Done()
	return nil
}

func thrash(live int64) func(context.Context, string) error {
	return func(ctx context.Context, _ string) error {
		percent, own := debug.SetGCPercent(-1), debug.SetMemoryLimit(math.MaxInt64) // For a start that takes no time.
		fillNodes(live)
		debug.SetMemoryLimit(own)
		debug.SetGCPercent(percent)
		return serve(ctx, 200*mib)
	}
}

func tooClose(ctx context.Context, _ string) error {
	before := debug.SetGCPercent(-1) // For a start that takes no time.
	for range 109 * 16 {
		held.sessions = append(held.sessions, touch(make([]byte, 64*kib)))
	}
	debug.SetGCPercent(5)
	defer debug.SetGCPercent(before)
	return serve(ctx, 64*kib)
}

func holdSessions(n int64) func(context.Context, string) error {
	return func(ctx context.Context, _ string) error {
		for range n / (64 * kib) {
			held.sessions = append(held.sessions, touch(make([]byte, 64*kib)))
		}
		return serve(ctx, mib)
	}
}

// leakTimers keeps each request for as long as its timer.
func leakTimers(ctx context.Context, _ string) error {
	return steadily(ctx, 500, 0, func(n int64) error {
		for range n {
			request := touch(make([]byte, 4*kib))
			time.AfterFunc(time.Hour, func() { runtime.KeepAlive(request) })
		}
		return nil
	})
}

func growMap(ctx context.Context, _ string) error {
	sessions := map[int][]byte{}
	i := 0
	return steadily(ctx, 5000, 0, func(n int64) error {
		for range n {
			sessions[i] = touch(make([]byte, 2*kib))
			if i -= 500; i >= 0 && i%5 != 0 {
				delete(sessions, i)
			}
			i += 501
		}
		return nil
	})
}

func deepRecursion(ctx context.Context, _ string) error {
	go recurse(50_000, ctx.Done())
	return serve(ctx, 2*mib)
}

func lateLeak(ctx context.Context, _ string) error {
	holdOnly(10 * mib)()
	go func() { _ = serve(ctx, 8*mib) }()
	wait(ctx, 20*time.Second)
	return steadily(ctx, 3*mib, 0, func(n int64) error {
		leakRequests(n)
		return nil
	})
}

func backlog(ctx context.Context, _ string) error {
	queue := make(chan []byte, 1<<20)
	go func() {
		for range time.Tick(10 * time.Millisecond) {
			held.garbage = <-queue
		}
	}()
	return steadily(ctx, 4*mib, 0, func(n int64) error {
		for range n / (16 * kib) {
			queue <- touch(make([]byte, 16*kib))
		}
		return nil
	})
}

func deepGoroutines(ctx context.Context, _ string) error {
	go func() { _ = serve(ctx, 2*mib) }()
	return steadily(ctx, 20, 0, func(n int64) error {
		for range n {
			go recurse(100, ctx.Done())
		}
		return nil
	})
}
