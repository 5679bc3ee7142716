package memguardhttp

import (
	"context"
	"time"
)

// gate lets so many in at the same time.
type gate chan struct{}

func newGate(n int) gate { return make(gate, n) }

func (g gate) try() bool {
	select {
	case g <- struct{}{}:
		return true
	default:
		return false
	}
}

// enter waits for its turn, but not for ever.
func (g gate) enter(ctx context.Context, patience time.Duration) bool {
	if g.try() {
		return true
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case g <- struct{}{}:
		return true
	case <-timer.C:
		return false
	case <-ctx.Done():
		return false
	}
}

func (g gate) leave() { <-g }
