package history

import (
	"math"
	"time"
)

const (
	// sketchBins of one percent each reach from 64 KiB to 2 TiB.
	sketchBins  = 1744
	sketchFloor = 64 // KiB
	sketchStep  = 1.01
)

// Sketch is how long the working set was how large, to one percent.
type Sketch struct {
	bins  [sketchBins]uint32 // tenths of a second
	total uint64
	last  time.Duration
	// rest is time that did not fill a tenth.
	rest time.Duration
}

func (k *Sketch) add(p *Point) {
	d := p.Since - k.last
	k.last = p.Since
	n, ok := p.Get(WorkingSet)
	if !ok || d <= 0 {
		return
	}
	d += k.rest
	tenths := d / (time.Second / 10)
	k.rest = d - tenths*(time.Second/10)
	bin := 0
	if n > sketchFloor {
		bin = min(sketchBins-1, 1+int(math.Log(float64(n)/sketchFloor)/math.Log(sketchStep)))
	}
	tenths = min(tenths, math.MaxUint32-time.Duration(k.bins[bin]))
	k.bins[bin] += uint32(tenths)
	k.total += uint64(tenths)
}

// Lived is the time that it knows of.
func (k *Sketch) Lived() time.Duration { return time.Duration(k.total) * time.Second / 10 }

// Percentile is the size in bytes that the working set did not exceed for this
// share of the time, one percent too high at most; false before there is any.
func (k *Sketch) Percentile(share float64) (uint64, bool) {
	if k.total == 0 {
		return 0, false
	}
	want := uint64(math.Ceil(share * float64(k.total)))
	var sum uint64
	for i, n := range k.bins {
		sum += uint64(n)
		if sum >= want && sum > 0 {
			return uint64(sketchFloor*math.Pow(sketchStep, float64(i))) << 10, true
		}
	}
	return uint64(sketchFloor*math.Pow(sketchStep, sketchBins)) << 10, true
}
