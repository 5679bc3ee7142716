package memguard

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// collector runs garbage collections of ours, one at a time, away from those
// who want one: runtime.GC blocks until the end of a cycle.
type collector struct {
	mu      sync.Mutex
	changed *sync.Cond
	wanted  bool
	closed  bool
	ended   uint64 // collections so far
	running atomic.Bool
	gc      func()
}

func newCollector() *collector {
	c := &collector{gc: runtime.GC}
	c.changed = sync.NewCond(&c.mu)
	return c
}

// run ends, and all waiting with it, when ctx does.
func (c *collector) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.closed = true
		c.changed.Broadcast()
	})
	defer stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for !c.wanted && !c.closed {
			c.changed.Wait()
		}
		if c.closed {
			return
		}
		c.mu.Unlock()
		c.gc()
		c.mu.Lock()
		c.wanted = false
		c.running.Store(false)
		c.ended++
		c.changed.Broadcast()
	}
}

// start begins a collection unless one of ours runs; it does not wait.
func (c *collector) start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.want()
}

func (c *collector) want() {
	if !c.wanted && !c.closed {
		c.wanted = true
		c.running.Store(true)
		c.changed.Broadcast()
	}
}

// collect returns when a collection has ended that is running or, if none is,
// begins now; or at once after run.
func (c *collector) collect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.want()
	for ended := c.ended; c.ended == ended && !c.closed; {
		c.changed.Wait()
	}
}
