package memguard

import (
	"time"

	"github.com/memguard-dev/go-memguard/internal/gomem"
)

// gcCost estimates how long a collection takes from what those before it took.
type gcCost struct {
	cycles  uint64
	cpu     time.Duration
	perByte float64 // nanoseconds of CPU for a scannable byte; 0: not seen yet
}

// observe takes the runtime's account as of the last finished cycle.
func (c *gcCost) observe(m *gomem.Mem) {
	if m.GCCycles > c.cycles && m.Scannable > 0 {
		each := float64(m.GCCPU-c.cpu) / float64(m.GCCycles-c.cycles) / float64(m.Scannable)
		// The last few count; a single one is often short or long by chance.
		if c.perByte == 0 {
			c.perByte = each
		}
		c.perByte += (each - c.perByte) / 2
	}
	c.cycles, c.cpu = m.GCCycles, m.GCCPU
}

// time is from the begin of a collection to its end, not less than p says.
func (c *gcCost) time(p hastePolicy, scan uint64) time.Duration {
	cpu := min(max(c.perByte, p.gcPerByte), p.gcMostPerByte)
	return p.gcBase + time.Duration(float64(scan)*cpu*p.gcShare)
}
