package diagnose

import (
	"time"

	"github.com/memguard-dev/go-memguard/internal/history"
	"github.com/memguard-dev/go-memguard/internal/trend"
)

// values are the points of a series, in seconds and bytes or counts; the
// result is valid until the next call.
func (r *run) values(series history.Series, w time.Duration) (points []trend.XY, known time.Duration) {
	r.points = r.points[:0]
	known = r.facts.History.Window(w, func(p *history.Point) {
		if n, ok := p.Get(series); ok {
			r.points = append(r.points, trend.XY{X: p.Since.Seconds(), Y: float64(n * unit(series))})
		}
	})
	return r.points, known
}

// collected is the live heap as each collection left it: between them it
// only seems to stand still.
func (r *run) collected(w time.Duration) []trend.XY {
	r.points = r.points[:0]
	r.facts.History.Window(w, func(p *history.Point) {
		if n, ok := p.Get(history.LiveHeap); ok && p.Events.Collections > 0 {
			r.points = append(r.points, trend.XY{X: p.Since.Seconds(), Y: float64(n << 10)})
		}
	})
	return r.points
}

// calmed tells whether the program allocates much less since the last
// collection of a window than between those before: what rose was a start-up.
func (r *run) calmed(w time.Duration) bool {
	var first, last, before, at, since float64 // seconds, bytes by the last collection and since
	r.facts.History.Window(w, func(p *history.Point) {
		now := p.Since.Seconds()
		allocs, _ := p.Get(history.Allocs)
		since += float64(allocs) * (now - at)
		at = now
		if p.Events.Collections == 0 {
			return
		}
		if first == 0 {
			first = now
		} else {
			before += since
		}
		last, since = now, 0
	})
	return at-last > (1-reach)*w.Seconds() && since/(at-last) < stays*before/(last-first)
}

// survivors is what lives where nearly all that is allocated outlives its
// collections: then they come ever less often, and what was allocated since the
// last one lives as well, as long as it comes at the same rate.
func (r *run) survivors(w time.Duration) (points []trend.XY, ok bool) {
	r.points = r.points[:0]
	var first, last, live, before, allocated float64 // seconds and bytes
	collections := 0
	lasts := true
	r.facts.History.Window(w, func(p *history.Point) {
		now := p.Since.Seconds()
		allocs, known := p.Get(history.Allocs)
		allocated += float64(allocs<<10) * (now - before)
		before = now
		n, alive := p.Get(history.LiveHeap)
		if !known || !alive {
			return
		}
		if p.Events.Collections > 0 {
			if collections == 0 {
				first = now
			} else {
				lasts = lasts && float64(n<<10)-live >= outlives*allocated
			}
			last, live, allocated = now, float64(n<<10), 0
			collections++
		}
		if objects, ok := p.Get(history.Objects); ok && collections > 0 {
			r.points = append(r.points, trend.XY{X: now, Y: float64(objects << 10)})
		}
	})
	if !lasts || collections < 2 || before <= last {
		return r.points, false
	}
	now := r.points[len(r.points)-1].Y
	seen, unseen := (live-r.points[0].Y)/(last-first), (now-live)/(before-last)
	return r.points, unseen <= seen/outlives && unseen >= seen*same && now-live <= most*(now-r.points[0].Y)
}

func (r *run) loads(w time.Duration) []trend.XY {
	r.load = r.load[:0]
	r.facts.History.Window(w, func(p *history.Point) {
		if n, ok := p.Get(history.Allocs); ok {
			r.load = append(r.load, trend.XY{X: p.Since.Seconds(), Y: float64(n)})
		}
	})
	return r.load
}

// unit is 1024 for a size and 1 for what is counted.
func unit(s history.Series) uint64 {
	switch s {
	case history.Goroutines, history.Threads, history.GCShare, history.Stalled:
		return 1
	}
	return 1024
}

// recent sums what happened within the last d up.
func (r *run) recent(d time.Duration) (e history.Events) {
	r.facts.History.Window(d, func(p *history.Point) {
		e.Collections += p.Events.Collections
		e.Limited += p.Events.Limited
		e.High += p.Events.High
		e.Max += p.Events.Max
		e.OOMKills += p.Events.OOMKills
		e.Refaults += p.Events.Refaults
		e.Spikes += p.Events.Spikes
		e.SpikeKiB = max(e.SpikeKiB, p.Events.SpikeKiB)
	})
	return e
}

// floor is the least of the last d; known is false where that is not told.
func (r *run) floor(series history.Series, d time.Duration) (least float64, known bool) {
	points, reached := r.values(series, d)
	if len(points) == 0 || reached < time.Duration(reach*float64(d)) {
		return 0, false
	}
	least = points[0].Y
	for _, p := range points {
		least = min(least, p.Y)
	}
	return least, true
}

// highest is the most of the last d, or of what is known of it.
func (r *run) highest(series history.Series, d time.Duration) (most float64, known bool) {
	points, _ := r.values(series, d)
	for _, p := range points {
		most = max(most, p.Y)
	}
	return most, len(points) > 0
}

// mean is the mean of the last d.
func (r *run) mean(series history.Series, d time.Duration) (mean float64, known bool) {
	points, reached := r.values(series, d)
	if len(points) == 0 || reached < time.Duration(reach*float64(d)) {
		return 0, false
	}
	for _, p := range points {
		mean += p.Y / float64(len(points))
	}
	return mean, true
}
