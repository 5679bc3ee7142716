// Package trend finds robust slopes in few points. It is pure.
package trend

import (
	"math"
	"slices"
)

// MaxPoints is how many points a slope is made of at most; more are reduced to
// the floors of as many stretches of time.
const MaxPoints = 24

// minPoints is how many it takes to tell a slope from chance.
const minPoints = 5

// XY is one value at one time, in seconds.
type XY struct{ X, Y float64 }

// Slope is how fast a value rises, per second: the median over all pairs of
// points (Theil and Sen), which a fourth of them can be wrong without moving,
// and the bounds that hold it with 99 %.
type Slope struct {
	Rate, Low, High float64
	// From and To are the values at both ends of the line, Span the seconds
	// between them.
	From, To, Span float64
	// Early and Late are the rates from the first third of the points to the
	// second, and from that to the last: Late is less where a curve levels off.
	Early, Late float64
	// Agree is the share of pairs that rise, less that of those that fall
	// (Kendall's tau): 1 for one that only rises.
	Agree float64
	// Noise is how far the points are from the line, in the median.
	Noise float64
}

// Line fits the points, which are in order of time; ok is false where they are
// too few. It uses work, which grows as needed, for what it must sort.
func Line(points []XY, work *[]float64) (s Slope, ok bool) {
	var floors [MaxPoints]XY
	points = Floors(points, floors[:])
	n := len(points)
	if n < minPoints {
		return s, false
	}
	rates := (*work)[:0]
	rise := 0
	for i := range points {
		for j := i + 1; j < n; j++ {
			dx := points[j].X - points[i].X
			if dx <= 0 {
				continue
			}
			rate := (points[j].Y - points[i].Y) / dx
			rates = append(rates, rate)
			switch {
			case rate > 0:
				rise++
			case rate < 0:
				rise--
			}
		}
	}
	*work = rates
	if len(rates) == 0 {
		return s, false
	}
	slices.Sort(rates)
	s.Agree = float64(rise) / float64(len(rates))
	s.Rate = middle(rates)
	// Sen's bounds: so many pairs to both sides of the middle.
	const z = 2.576
	wide := z * math.Sqrt(float64(n*(n-1)*(2*n+5))/18)
	low := int((float64(len(rates)) - wide) / 2)
	high := int((float64(len(rates))+wide)/2) + 1
	s.Low, s.High = rates[max(0, low)], rates[min(len(rates)-1, high)]
	s.Span = points[n-1].X - points[0].X

	// The line goes through the median of what the slope leaves over.
	rest := rates[:0]
	for _, p := range points {
		rest = append(rest, p.Y-s.Rate*(p.X-points[0].X))
	}
	slices.Sort(rest)
	s.From = middle(rest)
	s.To = s.From + s.Rate*s.Span
	for i := range rest {
		rest[i] = math.Abs(rest[i] - s.From)
	}
	slices.Sort(rest)
	s.Noise = middle(rest)
	third := n / 3
	a, b, c := Mean(points[:third]), Mean(points[third:n-third]), Mean(points[n-third:])
	s.Early, s.Late = (b.Y-a.Y)/(b.X-a.X), (c.Y-b.Y)/(c.X-b.X)
	return s, true
}

// Mean is the mean of both.
func Mean(points []XY) (m XY) {
	if len(points) == 0 {
		return m
	}
	for _, p := range points {
		m.X += p.X
		m.Y += p.Y
	}
	m.X /= float64(len(points))
	m.Y /= float64(len(points))
	return m
}

// middle is the median of what is sorted.
func middle(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// Rise is how much a least-squares line through all points rises over their
// span, as a share of where it begins; 0 for fewer than two, or from nothing.
func Rise(points []XY) float64 {
	if len(points) < 2 {
		return 0
	}
	m := Mean(points)
	var xx, xy float64
	for _, p := range points {
		xx += (p.X - m.X) * (p.X - m.X)
		xy += (p.X - m.X) * (p.Y - m.Y)
	}
	if xx == 0 {
		return 0
	}
	first, last := points[0].X, points[len(points)-1].X
	from := m.Y - xy/xx*(m.X-first)
	if from <= 0 {
		return 0
	}
	return xy / xx * (last - first) / from
}

// Floors reduces points to the lowest of each of len(dst) equal stretches of
// time: what a sawtooth stands on. Fewer points stay as they are.
func Floors(points, dst []XY) []XY {
	if len(points) <= len(dst) {
		return points
	}
	first, last := points[0].X, points[len(points)-1].X
	width := (last - first) / float64(len(dst))
	n := 0
	open := -1
	for _, p := range points {
		i := min(len(dst)-1, int((p.X-first)/width))
		if i != open {
			open = i
			dst[n] = p
			n++
			continue
		}
		if p.Y < dst[n-1].Y {
			dst[n-1] = p
		}
	}
	return dst[:n]
}

// Lags are the ways in which memory follows a load: at once, or smoothed over
// so many seconds.
var Lags = [...]float64{0, 30 * 60, 3 * 3600}

// Beside is what Partial works on, reused from call to call.
type Beside struct {
	columns [len(Lags) + 2][]float64
}

// Partial is how fast y rises per second beside what the load explains, where
// memory may follow the load at once or hours later: a least-squares fit on
// the load, smoothed over each of Lags, and the time. sigmas is how many
// standard errors the rate is above 0; neighbors that go together count for
// less. ok is false where time cannot be told from load.
func (w *Beside) Partial(y, load []XY) (rate, sigmas float64, ok bool) {
	n := len(y)
	if n != len(load) || n < 2*minPoints {
		return 0, 0, false
	}
	for i := range w.columns {
		w.columns[i] = append(w.columns[i][:0], make([]float64, n)...)
	}
	loads, time, values := w.columns[:len(Lags)], w.columns[len(Lags)], w.columns[len(Lags)+1]
	// What the load was before is not known: its mean.
	average := Mean(load).Y
	for j, lag := range Lags {
		smooth := average
		for i := range n {
			share := 1.0
			if lag > 0 {
				share = 1 - math.Exp(-(load[i].X-load[max(0, i-1)].X)/lag)
			}
			smooth += share * (load[i].Y - smooth)
			loads[j][i] = smooth
		}
	}
	for i := range n {
		time[i], values[i] = y[i].X, y[i].Y
	}
	var before [len(Lags) + 2]float64
	for i, c := range w.columns {
		center(c)
		before[i] = dot(c, c)
	}
	// Each load leaves what is not in it of those after it (Gram and Schmidt).
	for i := range loads {
		left := dot(loads[i], loads[i])
		if left <= 1e-6*before[i] || before[i] == 0 {
			continue // Never moved, or the same as one before.
		}
		for j := i + 1; j < len(w.columns); j++ {
			share := dot(loads[i], w.columns[j]) / left
			for k, v := range loads[i] {
				w.columns[j][k] -= share * v
			}
		}
	}
	left := dot(time, time)
	if left <= 0.02*before[len(Lags)] {
		return 0, 0, false
	}
	rate = dot(time, values) / left
	var squares, neighbors, last float64
	for i := range values {
		r := values[i] - rate*time[i]
		squares += r * r
		if i > 0 {
			neighbors += r * last
		}
		last = r
	}
	if squares <= 1e-12*before[len(Lags)+1] {
		return rate, math.Inf(int(math.Copysign(1, rate))), true
	}
	rho := max(0, min(0.95, neighbors/squares))
	variance := squares / float64(n-len(Lags)-2) / left * (1 + rho) / (1 - rho)
	return rate, rate / math.Sqrt(variance), true
}

func center(c []float64) {
	var m float64
	for _, v := range c {
		m += v / float64(len(c))
	}
	for i := range c {
		c[i] -= m
	}
}

func dot(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}
