package postmortem

import (
	"sort"
	"time"

	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

// curve is how unreclaimable memory went.
type curve struct {
	records []blackbox.Record
	times   []time.Time
	heights []uint64
}

// curveOf takes what could be reclaimed at the sample before as still so where
// only the usage was read.
func curveOf(records []blackbox.Record) curve {
	c := curve{records: records, times: make([]time.Time, len(records)), heights: make([]uint64, len(records))}
	var reclaimable uint64
	for i := range records {
		r := &records[i]
		usage := r.Usage().Or(0)
		if r.Kind() == blackbox.Full {
			s := r.Sample()
			reclaimable = usage - min(usage, s.Unreclaimable().Or(usage))
		}
		c.times[i], c.heights[i] = r.Time(), usage-min(usage, reclaimable)
	}
	return c
}

// full is the last full sample up to i, the first one after it if there is none.
func (c curve) full(i int) (int, bool) {
	for at := i; at >= 0; at-- {
		if c.records[at].Kind() == blackbox.Full {
			return at, true
		}
	}
	for at := i + 1; at < len(c.records); at++ {
		if c.records[at].Kind() == blackbox.Full {
			return at, true
		}
	}
	return 0, false
}

// peak is the highest of samples and spikes.
func (c curve) peak(spikes []Height) Height {
	var h Height
	for i := range c.records {
		if n := c.records[i].Usage().Or(0); n > h.Bytes {
			h = Height{c.times[i], n}
		}
	}
	for _, s := range spikes {
		if s.Bytes > h.Bytes {
			h = s
		}
	}
	return h
}

const (
	minute = time.Minute
	// levelEvery is the step of the last minute.
	levelEvery = minute / 120
)

// lastMinute is the highest of each step of the last minute.
func (c curve) lastMinute() (levels []Level) {
	if len(c.times) == 0 {
		return nil
	}
	end := c.times[len(c.times)-1]
	last := time.Duration(-1)
	for i, at := range c.times {
		back := end.Sub(at)
		if back > minute || back < 0 {
			continue
		}
		l := Level{at.UTC(), c.records[i].Usage().Or(0), c.heights[i]}
		step := back / levelEvery
		switch {
		case step != last:
			levels, last = append(levels, l), step
		case l.Usage > levels[len(levels)-1].Usage:
			levels[len(levels)-1] = l
		}
	}
	return levels
}

const (
	// dip is how far an ascent may fall back, and flat how little is none, as
	// shares of the limit or, without one, of the height it ends at.
	dip  = 0.10
	flat = 0.02
	// foot is the share of an ascent that counts as the level before it.
	foot = 0.02
)

// begin is where the ascent to the last sample began.
func (c curve) begin(limit uint64) (int, bool) {
	last := len(c.heights) - 1
	if last < 1 {
		return 0, false
	}
	end := c.heights[last]
	scale := limit
	if scale == 0 {
		scale = end
	}
	low := last
	for i := last - 1; i >= 0; i-- {
		if c.heights[i] < c.heights[low] {
			low = i
		}
		if c.heights[i] > c.heights[low]+uint64(dip*float64(scale)) {
			break
		}
	}
	rise := end - c.heights[low]
	if float64(rise) < flat*float64(scale) {
		return 0, false
	}
	// The level may have been low for hours: the ascent began when it left it.
	for i := last - 1; i > low; i-- {
		if c.heights[i] <= c.heights[low]+uint64(foot*float64(rise)) {
			return i, true
		}
	}
	return low, true
}

func (c curve) climb(limit uint64) *Climb {
	from, ok := c.begin(limit)
	if !ok {
		return nil
	}
	last := len(c.heights) - 1
	d := c.times[last].Sub(c.times[from])
	return &Climb{
		Start: c.times[from], From: c.heights[from], To: c.heights[last], Duration: d,
		Rate: perSecond(c.heights[last]-c.heights[from], d), FinalRate: c.finalRate(from),
	}
}

// finalRate is the rate over the last second of an ascent.
func (c curve) finalRate(from int) uint64 {
	last := len(c.heights) - 1
	i := last - 1
	for i > from && c.times[last].Sub(c.times[i]) < time.Second {
		i--
	}
	if i < 0 {
		return 0
	}
	return perSecond(c.heights[last]-min(c.heights[last], c.heights[i]), c.times[last].Sub(c.times[i]))
}

func perSecond(bytes uint64, d time.Duration) uint64 {
	if d <= 0 {
		return 0
	}
	return uint64(float64(bytes) / d.Seconds())
}

// grow says which bucket the climb went into.
func (e *Exit) grow(c curve) {
	last, ok := c.full(len(c.records) - 1)
	if !ok {
		return
	}
	first := last
	if e.Climb != nil {
		from, _ := c.begin(e.Limit.Or(0))
		first, _ = c.full(from)
	}
	a, b := c.records[first].Sample(), c.records[last].Sample()
	before, _ := a.Buckets()
	after, _ := b.Buckets()
	if first == last {
		before = [sample.NumBuckets]uint64{}
	}
	for i := range sample.NumBuckets {
		e.Grew = append(e.Grew, Growth{i.String(), before[i], after[i]})
	}
	sort.SliceStable(e.Grew, func(i, j int) bool { return e.Grew[i].bytes() > e.Grew[j].bytes() })
	e.Bucket = e.Grew[0].Bucket
	if first == last {
		e.Grew = nil
	}
}

func (g Growth) bytes() int64 { return int64(g.After) - int64(g.Before) }
