package trend

import (
	"math"
	"math/rand/v2"
	"testing"
)

func line(n int, step, from, rate, noise float64) []XY {
	random := rand.New(rand.NewPCG(1, 2))
	points := make([]XY, n)
	for i := range points {
		x := float64(i) * step
		points[i] = XY{x, from + rate*x + noise*random.NormFloat64()}
	}
	return points
}

func TestLine(t *testing.T) {
	var work []float64
	for name, tt := range map[string]struct {
		points    []XY
		rate, tol float64
		rises     bool
	}{
		"exact":        {line(20, 1, 5, 2, 0), 2, 1e-9, true},
		"noisy":        {line(24, 1, 100, 2, 3), 2, 0.6, true},
		"flat noise":   {line(24, 1, 100, 0, 3), 0, 0.5, false},
		"falls":        {line(24, 1, 100, -2, 1), -2, 0.3, false},
		"many points":  {line(1000, 0.25, 100, 2, 3), 2, 0.2, true},
		"a constant":   {line(30, 1, 7, 0, 0), 0, 0, false},
		"two outliers": {append(line(20, 1, 0, 1, 0), XY{20, 1000}, XY{21, -1000}), 1, 1e-9, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, ok := Line(tt.points, &work)
			if !ok || math.Abs(s.Rate-tt.rate) > tt.tol || s.Low > s.Rate || s.High < s.Rate {
				t.Errorf("%+v, want %v", s, tt.rate)
			}
			if rises := s.Low > 0; rises != tt.rises {
				t.Errorf("rises %v: %+v", rises, s)
			}
		})
	}
	if _, ok := Line(line(minPoints-1, 1, 0, 1, 0), &work); ok {
		t.Error("too few points")
	}
	points := line(24, 1, 0, 1, 1)
	if n := testing.AllocsPerRun(100, func() { Line(points, &work) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// A sawtooth rises most of the time and stands on a flat floor.
func TestFloorOfASawtooth(t *testing.T) {
	var points []XY
	for i := range 240 {
		points = append(points, XY{float64(i), 100 + float64(i%10)*10})
	}
	var work []float64
	s, ok := Line(points, &work)
	if !ok || s.Rate != 0 || s.Low > 0 {
		t.Errorf("%+v", s)
	}
}

func TestLateShowsWhatLevelsOff(t *testing.T) {
	var points []XY
	for i := range 24 {
		points = append(points, XY{float64(i), 100 * (1 - math.Exp(-float64(i)/6))})
	}
	var work []float64
	s, _ := Line(points, &work)
	if s.Low <= 0 || s.Late > 0.3*s.Early {
		t.Errorf("%+v", s)
	}
	straight, _ := Line(line(24, 1, 0, 3, 0), &work)
	if math.Abs(straight.Late-3) > 1e-9 || math.Abs(straight.Early-3) > 1e-9 {
		t.Errorf("%+v", straight)
	}
}

func TestPartial(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	make2 := func(n int, leak float64, load func(i int) float64) (y, l []XY) {
		for i := range n {
			v := load(i)
			l = append(l, XY{60 * float64(i), v})
			y = append(y, XY{60 * float64(i), 100 + 20*v + leak*float64(i) + random.NormFloat64()})
		}
		return y, l
	}
	var beside Beside
	noisy := func(int) float64 { return 1 + 0.3*random.Float64() }
	wave := func(i int) float64 { return 1 + 0.5*math.Sin(float64(i)/4) }
	for name, tt := range map[string]struct {
		leak  float64
		load  func(int) float64
		leaks bool
	}{
		"noise": {0, noisy, false}, "wave": {0, wave, false}, "leak under noise": {0.5, noisy, true}, "leak under a wave": {0.5, wave, true},
	} {
		y, l := make2(48, tt.leak, tt.load)
		rate, sigmas, ok := beside.Partial(y, l)
		if !ok || (sigmas > 4) != tt.leaks || math.Abs(rate*60-tt.leak) > 0.2 {
			t.Errorf("%s: %v at %v sigmas, %v", name, rate, sigmas, ok)
		}
	}
	y, l := make2(48, 0.5, func(i int) float64 { return float64(i) })
	if _, _, ok := beside.Partial(y, l); ok {
		t.Error("a load that rises with time explains it as well")
	}
}
