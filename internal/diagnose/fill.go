package diagnose

import (
	"slices"
	"time"

	"github.com/memguard-dev/go-memguard/internal/history"
	"github.com/memguard-dev/go-memguard/internal/trend"
)

const (
	// certain is the window from which on a rise is told however much room there
	// is. In less a cache that fills evenly to its bound, or a pool, looks the
	// same: that has to take this share of the room that is left, or, where it
	// is counted, to be more than a pool has.
	certain       = 5 * time.Minute
	takes         = 0.9
	mostPooled    = 1000
	mostInThreads = 250
)

// mayFill tells whether a rise may as well be that of a cache or pool to its
// bound: while it has taken less than it leaves, there is time to see. In an early
// window that holds for rises of everything, not of caches and pools alone.
func (r *run) mayFill(g *growth, points []trend.XY, early bool) bool {
	rise := min(g.To, points[len(points)-1].Y) - g.From
	unseen := max(0, r.level(history.Objects)-r.level(history.LiveHeap)) // since the last collection
	switch g.series {
	case history.Goroutines, history.Threads:
		few := float64(mostPooled)
		if g.series == history.Threads {
			few = mostInThreads
		}
		taken := r.risen(history.Unreclaimable, g.window)
		roomy := r.roomy(taken, 0)
		if early {
			// Near the limit all is slow, and what waits piles up.
			own := r.risen(history.Stacks, g.window) + r.risen(history.Objects, g.window)
			return roomy || rise < few && own < taken/2
		}
		return rise < few && (roomy || g.series == history.Threads)
	case history.LiveHeap:
		if g.survives {
			return r.roomy(g.To-g.From, unseen)
		}
		// Of what came since as much will live as of what came before.
		allocated := trend.Mean(r.loads(g.window)).Y * 1024 * g.Span
		lives := unseen * min(1, rise/max(allocated, 1))
		return r.roomy(rise+lives, lives)
	case history.OffHeap, history.Objects:
		return r.roomy(rise, 0)
	default:
		// Nobody fills those to a bound; or they are held anyway.
		return early && r.roomy(rise, 0)
	}
}

// roomy tells whether a rise leaves more than it took. What a collection would
// free is room, too, but for what lives of what the last one has not seen.
func (r *run) roomy(rise, lives float64) bool {
	if !r.limited() {
		return true
	}
	if _, known := r.last.Get(history.Unreclaimable); !known {
		return false
	}
	held := r.basis - max(0, r.returnable()-lives)
	return rise < takes*(r.scale-held)
}

// risen is how much more there is of a series than at the start of a window.
func (r *run) risen(series history.Series, w time.Duration) float64 {
	points, _ := r.values(series, w)
	if len(points) == 0 {
		return 0
	}
	return points[len(points)-1].Y - points[0].Y
}

// stands tells whether a rise has come to its end within a window, which its last
// third tells only when half of that is over.
func (r *run) stands(g *growth, points []trend.XY) bool {
	if g.series == history.LiveHeap {
		points = r.collected(g.window)
		if n := len(points); g.survives || n < many || r.last.Since.Seconds()-points[n-1].X > g.Span/parts {
			// What is rarely collected is told by what is allocated.
			_, last := ends(r.loads(g.window))
			return last.Y < stays*trend.Mean(r.load).Y
		}
	}
	before, last := ends(points)
	return before.X < last.X && last.Y-before.Y < stays*g.Rate*(last.X-before.X)
}

// ended is stands with the points as they are.
func (r *run) ended(g *growth) bool {
	points, _ := r.values(g.series, g.window)
	return r.stands(g, points)
}

// parts is in how many a window is cut to see its end.
const parts = 8

// ends are the means of the last part of points in time and of that before.
func ends(points []trend.XY) (before, last trend.XY) {
	if len(points) == 0 {
		return before, last
	}
	end := points[len(points)-1].X
	part := (end - points[0].X) / parts
	from := func(x float64) int {
		return max(0, slices.IndexFunc(points, func(p trend.XY) bool { return p.X > x }))
	}
	i, j := from(end-2*part), from(end-part)
	before, last = trend.Mean(points[i:j]), trend.Mean(points[j:])
	if i == j {
		before = last // Nothing was seen between.
	}
	return before, last
}

// waiting is a rise without collections that may be that of a cache, as it was
// last seen.
type waiting struct {
	growth  growth
	at      time.Duration
	objects float64
}

// wait remembers a rise that few collections have told, since the next may be
// far away.
func (r *run) wait(g *growth) {
	if g.survives && r.waiting.at != r.last.Since {
		r.waiting = waiting{*g, r.last.Since, r.level(history.Objects)}
	}
}

// waited is the rise remembered, once it has gone on at its rate until it took
// the room.
func (r *run) waited() (g growth, ok bool) {
	was := &r.waiting
	since := r.last.Since - was.at
	if was.at == 0 || since <= 0 || since > was.growth.window {
		return g, false
	}
	slowest := same
	if r.recent(since).Collections > 0 {
		if r.level(history.LiveHeap) < outlives*was.objects {
			r.waiting = waiting{} // It was garbage.
			return g, false
		}
		slowest = stays // Some of it was.
	}
	g = was.growth
	objects := r.level(history.Objects)
	rate := (objects - was.objects) / since.Seconds()
	if rate < slowest*g.Rate || rate > g.Rate/outlives || r.roomy(objects-g.From, max(0, objects-r.level(history.LiveHeap))) {
		return g, false
	}
	g.To, g.Span = objects, g.Span+since.Seconds()
	return g, true
}
