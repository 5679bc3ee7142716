package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
	"time"
)

// What the victim keeps alive on purpose.
var (
	requestContexts [][][]byte
	sessionCache    *session
)

// chunk is how many leaked objects share a slice: no slice ever grows, so
// nothing but the objects and 24 bytes for each is allocated.
const chunk = 4096

// tick is how often a leak allocates.
const tick = 5 * time.Millisecond

func leakMode(flags *flag.FlagSet) work {
	rate := sizeFlag(flags, "rate", 20<<20, "bytes to leak in a second")
	object := sizeFlag(flags, "object", 1<<10, "bytes of one leaked object")
	base := sizeFlag(flags, "base", 0, "bytes of small linked objects to hold from the start")
	most := sizeFlag(flags, "max", 0, "stop leaking here and hold; 0 = never")
	settle := flags.Duration("settle", 0, "rest before the leak begins")
	outside := flags.Bool("outside", false, "leak memory that the Go runtime knows nothing of")
	beat := flags.String("beat", "", "file for the time of the last object, Unix nanoseconds in 8 bytes")
	return func(ctx context.Context, _ io.Writer) (bool, error) {
		if *rate == 0 || *object == 0 {
			return false, fmt.Errorf("leak: -rate and -object must be above 0")
		}
		if *beat != "" {
			var err error
			if lastObject, err = mapNumber(*beat); err != nil {
				return false, err
			}
		}
		fillSessionCache(int64(*base))
		if err := rest(ctx, *settle); err != nil {
			return false, err
		}
		grow := leakRequestContexts
		if *outside {
			grow = leakFrames
		}
		return true, leak(ctx, int64(*rate), int64(*object), int64(*most), grow)
	}
}

// leak keeps to the rate over the whole run, so a late tick leaks more.
func leak(ctx context.Context, rate, object, most int64, grow func(n, object int)) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	begin := time.Now()
	for leaked := int64(0); most == 0 || leaked < most; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		due := int64(float64(rate) * time.Since(begin).Seconds())
		if most > 0 {
			due = min(due, most)
		}
		// The last object may go past the mark, so that -max is reached.
		n := (due - leaked + object - 1) / object
		if due <= leaked {
			continue
		}
		grow(int(n), int(object))
		leaked += n * object
	}
	return nil
}

// leakRequestContexts keeps n more objects alive for ever, every page touched.
// It is the line that a heap profile has to name.
//
//go:noinline
func leakRequestContexts(n, object int) {
	for range n {
		last := len(requestContexts) - 1
		if last < 0 || len(requestContexts[last]) == chunk {
			requestContexts = append(requestContexts, make([][]byte, 0, chunk))
			last++
		}
		body := make([]byte, object)
		for i := 0; i < len(body); i += 512 {
			body[i] = 1
		}
		requestContexts[last] = append(requestContexts[last], body)
		beatNow()
	}
}

// lastObject is when the last object was leaked; nil: nobody wants to know.
var lastObject *atomic.Int64

func beatNow() {
	if lastObject != nil {
		lastObject.Store(time.Now().UnixNano())
	}
}

// leakFrames does what a C library does that never frees.
//
//go:noinline
func leakFrames(n, object int) {
	for range n {
		frame, err := mapPrivate(object)
		if err != nil {
			panic(err)
		}
		touch(frame)
		beatNow()
	}
}

// session is small and full of pointers, as a cache is: costly to mark.
type session struct {
	next, user, tenant *session
	_                  [40]byte // Padding to 64 bytes on 64-bit machines.
}

//go:noinline
func fillSessionCache(bytes int64) {
	const each = 64
	for range bytes / each {
		sessionCache = &session{next: sessionCache, user: sessionCache, tenant: sessionCache}
	}
}

// spawnMode leaks in a child, which no guard in this process can see into.
func spawnMode(flags *flag.FlagSet) work {
	rate := sizeFlag(flags, "rate", 20<<20, "bytes the child leaks in a second")
	object := sizeFlag(flags, "object", 1<<10, "bytes of one leaked object")
	most := sizeFlag(flags, "max", 0, "the child stops leaking here and holds; 0 = never")
	wait := waitFlag(flags)
	return func(ctx context.Context, out io.Writer) (bool, error) {
		self, err := os.Executable()
		if err != nil {
			return false, err
		}
		child := exec.CommandContext(ctx, self, "leak",
			"-rate", rate.String(), "-object", object.String(), "-max", most.String())
		child.Env = append(os.Environ(), "MEMGUARD=off")
		child.Stderr = os.Stderr
		if err := child.Start(); err != nil {
			return false, err
		}
		fmt.Fprintln(out, "child", child.Process.Pid)
		// That the child is killed is the point, not a failure.
		fmt.Fprintln(out, "child ended:", child.Wait())
		return *wait, nil
	}
}
