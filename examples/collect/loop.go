package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	// longest is how long the loop waits at most while passes fail.
	longest = 5 * time.Minute
	// lastPause is between the passes after SIGTERM.
	lastPause = 500 * time.Millisecond
)

// delay is the time to the next pass after so many failed ones in a row; r is
// from 0 to 1, so that a fleet does not come back to a bucket in step.
func delay(interval time.Duration, failed int, r float64) time.Duration {
	if failed == 0 {
		return interval
	}
	d := interval
	for range failed {
		if d = 2 * d; d >= longest {
			d = max(longest, interval)
			break
		}
	}
	return d*4/5 + time.Duration(r*float64(d*2/5))
}

// loop makes passes until stop ends, and the last ones after that, for grace.
// It returns what the last one left.
func (c *collector) loop(stop context.Context, o options, log *slog.Logger) report {
	// A pass that runs when stop ends has grace to come to its end.
	ctx, cancel := context.WithCancel(context.WithoutCancel(stop))
	defer cancel()
	defer context.AfterFunc(stop, func() { time.AfterFunc(o.grace, cancel) })()
	say := func(r report) report {
		if !r.idle() {
			log.Info("collect: pass", "shipped", r.shipped, "bytes", r.bytes, "found", r.found,
				"removed", r.removed, "left", r.left, "young", r.young, "errors", r.failed)
		}
		return r
	}
	for failed := 0; stop.Err() == nil; {
		r := say(c.pass(ctx, haste{settle: o.settle}))
		// A file that cannot be read holds up no other one; a bucket that is
		// not well is spared.
		if r.refused > 0 {
			failed++
		} else {
			failed = 0
		}
		wait := delay(o.interval, failed, rand.Float64())
		if r.cut && r.failed == 0 {
			wait = 0
		}
		rest(stop, wait)
	}
	for {
		r := say(c.pass(ctx, haste{settle: o.lastSettle, final: true}))
		if r.complete() || ctx.Err() != nil {
			return r
		}
		if !r.cut {
			rest(ctx, lastPause)
		}
		if ctx.Err() != nil {
			return r
		}
	}
}

// drain makes passes until nothing is left that one more would ship.
func (c *collector) drain(stop context.Context, o options) (sum report) {
	for {
		r := c.pass(stop, haste{settle: o.settle, final: true})
		sum.shipped, sum.bytes = sum.shipped+r.shipped, sum.bytes+r.bytes
		sum.found, sum.removed = sum.found+r.found, sum.removed+r.removed
		sum.left, sum.young, sum.failed = r.left, r.young, r.failed
		if !r.cut || r.failed > 0 || stop.Err() != nil {
			return sum
		}
	}
}

func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
