package memguard

import (
	"context"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/memguard-dev/go-memguard/internal/gomem"
)

func TestCollectorJoinsACollectionThatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		var runs atomic.Int32
		c.gc = func() {
			runs.Add(1)
			time.Sleep(100 * time.Millisecond)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { c.run(ctx) })
		c.start()
		time.Sleep(50 * time.Millisecond)
		if !c.running.Load() {
			t.Error("not running")
		}
		begin := time.Now()
		for range 3 {
			all.Go(c.collect)
		}
		c.start() // Runs already.
		c.collect()
		if took := time.Since(begin); took != 50*time.Millisecond || runs.Load() != 1 {
			t.Errorf("%d collections, waited %v", runs.Load(), took)
		}
		c.collect()
		if runs.Load() != 2 || c.running.Load() {
			t.Errorf("%d collections, running %v", runs.Load(), c.running.Load())
		}
		cancel()
		all.Wait()
		c.collect() // Must not wait for a collector that has ended.
		c.start()
		if c.running.Load() {
			t.Error("runs after the end")
		}
	})
}

func TestCollectorEndsThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCollector()
		c.gc = func() { time.Sleep(time.Second) }
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { c.run(ctx) })
		all.Go(c.collect)
		time.Sleep(10 * time.Millisecond)
		cancel()
		all.Wait()
	})
}

func TestAssistantAllocatesOnlyWhileItIsOn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a := newAssistant()
	var all sync.WaitGroup
	all.Go(func() { a.run(ctx) })
	a.set(true)
	a.set(true)
	a.set(false)
	a.set(true)
	cancel()
	all.Wait()
	if a.object != nil {
		t.Error("holds an object after its end")
	}
}

func TestBrake(t *testing.T) {
	for _, ours := range []bool{true, false} {
		g := &goMemLimit{}
		if ours {
			g.set = 1 << 30
			setMemoryLimit(t, 1<<30)
		} else {
			setMemoryLimit(t, 2<<30)
		}
		before := goMemLimitNow()
		g.brake(true)
		if got := goMemLimitNow(); (got.Or(0) == brakeLimit) != ours {
			t.Errorf("ours %v: GOMEMLIMIT is %v", ours, got)
		}
		g.brake(true)
		seen := gomem.Mem{MemoryLimit: goMemLimitNow().Or(0)}
		if g.overlook(&seen); seen.MemoryLimit != before.Or(0) {
			t.Errorf("ours %v: a sample under the brake has a GOMEMLIMIT of %d, want %v", ours, seen.MemoryLimit, before)
		}
		g.brake(false)
		if got := goMemLimitNow(); got != before {
			t.Errorf("ours %v: GOMEMLIMIT is %v after the brake, want %v", ours, got, before)
		}
	}
	// Somebody else sets it while the brake is on: it is theirs.
	g := &goMemLimit{set: 1 << 30, previous: 3 << 30}
	setMemoryLimit(t, 1<<30)
	g.brake(true)
	setMemoryLimit(t, 5<<20)
	g.brake(false)
	g.restore()
	if got := goMemLimitNow(); got.Or(0) != 5<<20 {
		t.Errorf("GOMEMLIMIT is %v, want what somebody else set", got)
	}
	// A guard that ends with the brake on leaves what was there before it.
	g = &goMemLimit{set: 1 << 30, previous: 3 << 30}
	setMemoryLimit(t, 1<<30)
	g.brake(true)
	g.restore()
	if got := goMemLimitNow(); got.Or(0) != 3<<30 {
		t.Errorf("GOMEMLIMIT is %v, want what was before Start", got)
	}
}

// setMemoryLimit changes GOMEMLIMIT until the end of the test.
func setMemoryLimit(t *testing.T, n int64) {
	t.Helper()
	before := debug.SetMemoryLimit(n)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
}
