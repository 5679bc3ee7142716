package diagnose

import (
	"math"
	"time"

	"github.com/memguard-dev/go-memguard/internal/history"
	"github.com/memguard-dev/go-memguard/internal/trend"
)

// growth is a steady rise of one series.
type growth struct {
	trend.Slope
	series history.Series
	window time.Duration
	// survives: told by what outlives its collections, of which there are few.
	survives bool
}

func (g *growth) grown() uint64 { return uint64(max(0, g.To-g.From)) }

// windows in which growth is looked for, from the longest: the longest in
// which it shows is the surest.
var windows = [...]time.Duration{
	8 * 24 * time.Hour, 48 * time.Hour, 24 * time.Hour, slow, 2 * time.Hour, 45 * time.Minute,
	15 * time.Minute, 5 * time.Minute, 2 * time.Minute, time.Minute, 45 * time.Second, 30 * time.Second, 12 * time.Second, 8 * time.Second, 5 * time.Second, 2 * time.Second, time.Second,
}

const (
	// surest is the shortest window told of what is far from the limit: a
	// start-up rises just as steeply. shortest is that of what is near. In
	// less, down to briefest, only what has taken as much as it leaves is told:
	// there is no time to see more. Shorter ones are for a process that has ended.
	surest   = 30 * time.Second
	shortest = 12 * time.Second
	briefest = 5 * time.Second
	// brief is the longest window with so few collections that what lives may
	// seem to rise by chance; then it may not fall by more than this share of
	// the rise in between.
	brief = time.Minute
	falls = 0.4
	// many is how many points it takes to tell a rise from chance; fewer have
	// to rise one and all, and to be this straight, as has a rise after a
	// steeper one.
	many     = 8
	straight = 0.8
	// fewest is how many collections tell what lives; where there are fewer,
	// what outlives them does, if it is this share of what was allocated, and
	// if no more than most of the rise came after the last, at the same rate.
	fewest   = 5
	outlives = 0.8
	most     = 0.6
	same     = 0.9
	// slow is the shortest window in which a rise may be small beside what
	// the load does.
	slow = 6 * time.Hour
	// reach is the share of a window that has to be known.
	reach = 0.8
	// steady is the least share of pairs of points that rise, less those that
	// fall; stays the least rate of the last third beside the one before.
	steady = 0.6
	stays  = 0.5
	// slowly is that share over hours, where noise is as large as the rise.
	slowly = 0.25
	// follows is how much faster than the load a part may rise that serves it;
	// over hours there is time to know the load better.
	follows       = 2
	followsSlowly = 1.25
	// someLoad is KiB allocated in a second, below which a program does nothing
	// that memory could follow.
	someLoad = 256
	// sigmas is how sure it must be that it is not the load, over hours.
	sigmas = 4
)

// least is how little growth counts, by unit and window.
type least func(window time.Duration, scale float64) float64

func leastBytes(window time.Duration, scale float64) float64 {
	switch {
	case window < 15*time.Minute:
		return max(8<<20, 0.05*scale)
	case window < slow:
		return max(4<<20, 0.02*scale)
	default:
		return 3 << 20
	}
}

func leastCount(n float64) least {
	return func(time.Duration, float64) float64 { return n }
}

// grows finds the steady rise of a series.
func (r *run) grows(series history.Series, enough least) (g growth, ok bool) {
	g, ok = r.rises(series, enough)
	if !ok && series == history.LiveHeap {
		return r.waited()
	}
	return g, ok
}

func (r *run) rises(series history.Series, enough least) (g growth, ok bool) {
	urgent := r.urgent()
	for _, w := range windows {
		early := w < shortest && !r.facts.Dead
		if w < surest && !urgent || early && w < briefest {
			return g, false
		}
		points, known := r.values(series, w)
		if known < time.Duration(reach*float64(w)) || len(points) == 0 {
			continue
		}
		want := enough(w, r.scale)
		if points[len(points)-1].Y-points[0].Y < want/2 {
			continue // Not worth the sorting.
		}
		survives := false
		switch {
		case series != history.LiveHeap:
		case r.recent(w).Collections < fewest:
			if points, survives = r.survivors(w); !survives {
				continue
			}
		case w <= brief:
			if points = r.collected(w); r.calmed(w) {
				continue
			}
		}
		slope, fits := trend.Line(points, &r.work)
		if len(points) < many && (slope.Agree < 1 || slope.Late < straight*slope.Early) {
			continue
		}
		if !fits || slope.Low <= 0 && w < slow || slope.Agree < steadiness(w) || slope.To-slope.From < want {
			continue
		}
		if slope.Late < stays*slope.Early {
			if urgent {
				continue
			}
			return g, false // It levels off.
		}
		if w <= brief && r.wasThere(series, &slope, w) {
			continue // It comes and goes.
		}
		if w <= brief && slope.Late < straight*slope.Early && r.slowsDown(series, &slope, w) {
			continue // The end of a start-up.
		}
		if found := (growth{slope, series, w, survives}); w >= certain && w < slow && r.stands(&found, points) {
			return g, false
		}
		points, _ = r.values(series, w)
		if w <= brief && series == history.LiveHeap && drop(points) > falls*(slope.To-slope.From) {
			continue // Collections happen to see it at different times.
		}
		if r.isLoad(points, &slope, w) && !r.outgrows(series, &slope, w) {
			if w >= slow {
				continue
			}
			return g, false
		}
		points, _ = r.values(series, w)              // Again: outgrows needed their place.
		slope.From = max(slope.From, lowest(points)) // A line starts too low where a rise began later.
		g = growth{slope, series, w, survives}
		if w < certain && (early || !urgent && !r.facts.Dead) && (r.mayFill(&g, points, early) || r.ended(&g)) {
			if !early {
				r.wait(&g)
			}
			continue
		}
		return g, true
	}
	return g, false
}

// urgent tells whether the limit is near. Without one nothing is, but the end of
// a process that has ended.
func (r *run) urgent() bool {
	if !r.limited() {
		return r.facts.Dead
	}
	return r.basis-r.returnable() >= 0.75*r.scale
}

// returnable is what the runtime gives back before its memory limit, and the
// kernel of what the runtime gave back: with a limit of its own below that of the
// container, garbage brings no program near that.
func (r *run) returnable() float64 {
	own := float64(r.last.Bytes(history.GoMemLimit))
	if own == 0 || own > r.scale {
		return 0
	}
	live, known := r.last.Get(history.LiveHeap)
	if !known {
		return 0
	}
	return float64(r.last.Bytes(history.Objects)) - float64(live<<10) + float64(r.last.Bytes(history.Free)+r.last.Bytes(history.HugePages))
}

// lowest is the least of points, and not below 0.
func lowest(points []trend.XY) float64 {
	least := math.Inf(1)
	for _, p := range points {
		least = min(least, p.Y)
	}
	return max(0, least)
}

// drop is the most that a series fell from a point to a later one.
func drop(points []trend.XY) (most float64) {
	highest := math.Inf(-1)
	for _, p := range points {
		highest = max(highest, p.Y)
		most = max(most, highest-p.Y)
	}
	return most
}

// wasThere tells whether a series had been as high before its rise in a window.
func (r *run) wasThere(series history.Series, rise *trend.Slope, w time.Duration) bool {
	start := (r.last.Since - w).Seconds()
	points, _ := r.values(series, max(10*w, time.Minute))
	for _, p := range points {
		if p.X < start && p.Y > rise.To-0.25*(rise.To-rise.From) {
			return true
		}
	}
	return false
}

// slowsDown tells whether a series rose much faster in the time before a window.
func (r *run) slowsDown(series history.Series, rise *trend.Slope, w time.Duration) bool {
	start := (r.last.Since - w).Seconds()
	points, _ := r.values(series, 2*w)
	if len(points) == 0 || points[0].X >= start {
		return false
	}
	before := (rise.From - points[0].Y) / (start - points[0].X)
	return rise.Rate < stays*before
}

// isLoad tells whether a rise is no more than what a rising load explains. The
// load is what the program allocates.
func (r *run) isLoad(points []trend.XY, rise *trend.Slope, w time.Duration) bool {
	if w >= slow && trend.Mean(r.loads(w)).Y >= someLoad && (rise.To-rise.From)/max(rise.From, 1) <= followsSlowly*trend.Rise(r.loads(w+w/2)) {
		return true // Perhaps of a load that rose before.
	}
	load := r.loads(w)
	if len(load) == 0 || trend.Mean(load).Y < someLoad {
		return false
	}
	share := (rise.To - rise.From) / max(rise.From, 1)
	if w < slow {
		return share <= follows*trend.Rise(load)
	}
	if share <= followsSlowly*trend.Rise(load) {
		return true
	}
	_, n, ok := r.beside.Partial(points, load)
	return !ok || n < sigmas
}

// outgrows tells whether a rise went on when the load, which had risen before,
// no longer did: over the second half of a brief window.
func (r *run) outgrows(series history.Series, rise *trend.Slope, w time.Duration) bool {
	if w > brief {
		return false
	}
	points, _ := r.values(series, w/2)
	if series == history.LiveHeap {
		points = r.collected(w / 2)
	}
	half, fits := trend.Line(points, &r.work)
	return fits && half.Rate >= stays*rise.Rate && (half.To-half.From)/max(half.From, 1) > follows*trend.Rise(r.loads(w/2))
}

func steadiness(w time.Duration) float64 {
	if w >= slow {
		return slowly
	}
	return steady
}
