package memguard

import (
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

// policy holds the constants of decide.
type policy struct {
	// step is the share of the limit by which the basis must fall below a
	// threshold to arm it again, and by which it must grow to fire again.
	step float64
	// cooldown is the least time between two crossings of one threshold; it
	// doubles up to maxCooldown while crossings bring no new height.
	cooldown, maxCooldown time.Duration
	// retry is the wait after a failed dump; it doubles up to maxRetry.
	retry, maxRetry time.Duration
}

var defaultPolicy = policy{
	step:     0.05,
	cooldown: time.Minute, maxCooldown: time.Hour,
	retry: time.Second, maxRetry: time.Minute,
}

// line is the state of one threshold.
type line struct {
	fired    bool          // at least once
	above    bool          // fired and not yet armed again
	mark     uint64        // highest basis it fired at
	at       time.Duration // when it fired last
	cooldown time.Duration
	failures int // dumps failed in a row
}

// watch is the state of decide: a line for each threshold.
type watch struct {
	lines [maxThresholds]line
}

// reading is what decide looks at.
type reading struct {
	since      time.Duration // since Start
	basis      uint64
	limit      cgroupstat.Value
	thresholds [maxThresholds]cgroupstat.Value // in bytes; absent ones never fire
}

// decision says whether to dump now, and for which threshold.
type decision struct {
	fire bool
	line int  // index of the highest threshold that fired
	grew bool // above it already, but higher by a step
}

// decide holds a reading against the thresholds. A threshold fires when the
// basis reaches it, and again for each further step of growth; it is armed
// again once the basis has fallen a step below it, and then waits out its
// cooldown, unless the basis is higher by a step than ever.
func decide(w watch, p policy, r reading) (watch, decision) {
	var d decision
	var highest uint64
	for i := range w.lines {
		at, ok := r.thresholds[i].Get()
		if !ok {
			continue
		}
		l := &w.lines[i]
		step := p.stepBytes(at, r.limit)
		if l.above && r.basis+step <= at {
			l.above = false
		}
		if r.basis < at || !l.due(p, r, step) {
			continue
		}
		grew := l.above
		l.fire(p, r, step)
		if !d.fire || at > highest {
			d, highest = decision{fire: true, line: i, grew: grew}, at
		}
	}
	return w, d
}

// stepBytes is a share of the limit, or where there is none of the threshold.
func (p policy) stepBytes(at uint64, limit cgroupstat.Value) uint64 {
	return max(1, uint64(float64(limit.Or(at))*p.step))
}

// due tells whether a line whose threshold is reached fires now.
func (l *line) due(p policy, r reading, step uint64) bool {
	switch {
	case l.failures > 0:
		return r.since-l.at >= p.retryAfter(l.failures)
	case !l.fired || r.basis >= l.mark+step:
		return true
	default:
		return !l.above && r.since-l.at >= l.cooldown
	}
}

func (l *line) fire(p policy, r reading, step uint64) {
	switch {
	case !l.fired || r.basis >= l.mark+step:
		l.cooldown = p.cooldown
	case l.failures == 0:
		l.cooldown = min(2*l.cooldown, p.maxCooldown)
	}
	l.fired, l.above, l.at = true, true, r.since
	l.mark = max(l.mark, r.basis)
}

func (p policy) retryAfter(failures int) time.Duration {
	wait := p.retry
	for i := 1; i < failures && wait < p.maxRetry; i++ {
		wait *= 2
	}
	return min(wait, p.maxRetry)
}

// dumped tells the line how its dump went; a failed one is tried again.
func (w watch) dumped(i int, since time.Duration, ok bool) watch {
	l := &w.lines[i]
	if ok {
		l.failures = 0
		return w
	}
	l.failures++
	l.at = since
	return w
}

// distance is how far the basis may rise before a line can fire; ok is false
// when none can.
func (w watch) distance(p policy, r reading) (bytes uint64, ok bool) {
	for i := range w.lines {
		at, set := r.thresholds[i].Get()
		if !set {
			continue
		}
		if l := w.lines[i]; r.basis >= at {
			at = l.mark + p.stepBytes(at, r.limit)
		}
		left := uint64(0)
		if at > r.basis {
			left = at - r.basis
		}
		if !ok || left < bytes {
			bytes, ok = left, true
		}
	}
	return bytes, ok
}
