package main

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/memguard-dev/go-memguard/internal/kerneltest"
)

// follower reads a group's usage all the time: a snapshot is up to a quarter of
// a second old, and programs grow meanwhile.
type follower struct {
	mu    sync.Mutex
	usage [20]uint64 // of half a second
	next  int
	err   error // of the last reading that failed
	done  chan struct{}
	wg    sync.WaitGroup
}

func follow(g *kerneltest.Group) *follower {
	f := &follower{done: make(chan struct{})}
	ticker := time.NewTicker(25 * time.Millisecond)
	f.wg.Go(func() {
		defer ticker.Stop()
		for {
			n, err := usageOf(g)
			f.mu.Lock()
			if err != nil {
				f.err = err
			} else {
				f.usage[f.next%len(f.usage)] = n
				f.next++
			}
			f.mu.Unlock()
			select {
			case <-f.done:
				return
			case <-ticker.C:
			}
		}
	})
	return f
}

// usageOf is Group.Usage for a goroutine that is not a test's.
func usageOf(g *kerneltest.Group) (uint64, error) {
	text, err := os.ReadFile(g.UsageFile())
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
}

func (f *follower) stop() error {
	close(f.done)
	f.wg.Wait()
	return f.err
}

// distance is how far a usage is from all that was read lately.
func (f *follower) distance(usage uint64) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	low, high := f.usage[0], f.usage[0]
	for _, n := range f.usage[:min(f.next, len(f.usage))] {
		low, high = min(low, n), max(high, n)
	}
	return max(usage, high) - high + low - min(usage, low)
}
