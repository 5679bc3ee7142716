package memguard

import (
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/internal/gomem"
)

func TestGCCost(t *testing.T) {
	p := hastePolicy{gcBase: time.Millisecond, gcPerByte: 2, gcMostPerByte: 50, gcShare: 3}
	var c gcCost
	if got := c.time(p, 1e6); got != 7*time.Millisecond {
		t.Errorf("before the first: %v, want the least", got)
	}
	m := gomem.Mem{GCCycles: 1, Scannable: 1e6, GCCPU: 10 * time.Millisecond}
	for range 3 { // Once only: it is the same cycle.
		c.observe(&m)
	}
	if got := c.time(p, 2e6); got != 61*time.Millisecond {
		t.Errorf("10 ns a byte, 2 MB: %v, want 61ms", got)
	}
	m.GCCycles, m.GCCPU = 3, 50*time.Millisecond // 20 ns in each of the two
	c.observe(&m)
	if got := c.time(p, 1e6); got != 46*time.Millisecond {
		t.Errorf("10 ns, then 20: %v, want 46ms", got)
	}
	m.GCCycles, m.GCCPU = 4, time.Hour
	c.observe(&m)
	if got := c.time(p, 1e6); got != 151*time.Millisecond {
		t.Errorf("an hour: %v, want the most", got)
	}
	m = gomem.Mem{GCCycles: 5}
	c.observe(&m)
	if got := c.time(p, 0); got != time.Millisecond {
		t.Errorf("nothing to scan: %v", got)
	}
}
