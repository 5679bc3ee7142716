package memguard

import (
	"context"
	"sync/atomic"
	"time"
)

// assistant takes part in marking while the brake is on. The runtime makes
// those mark who allocate; but a goroutine that has earned credit earlier in a
// cycle, before the brake, goes on allocating until the end of that cycle.
// On a single processor that is a long time: there the background worker gets
// a quarter of it. Small allocations make this goroutine mark as well.
type assistant struct {
	on     atomic.Bool
	wake   chan struct{}
	object *[64]byte // keeps the compiler from leaving the allocation out
}

func newAssistant() *assistant { return &assistant{wake: make(chan struct{}, 1)} }

// set does not wait.
func (a *assistant) set(on bool) {
	if a.on.Swap(on) != on && on {
		poke(a.wake)
	}
}

// idle is what an allocation takes at most that had nothing to mark.
const idle = 20 * time.Microsecond

func (a *assistant) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		}
		for a.on.Load() && ctx.Err() == nil {
			began := time.Now()
			a.object = new([64]byte)
			if time.Since(began) < idle {
				// No collection is marking: do not make garbage for the next one.
				time.Sleep(time.Millisecond)
			}
		}
		a.object = nil
	}
}
