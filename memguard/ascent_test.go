package memguard

import (
	"testing"
	"time"
)

func TestAscentRate(t *testing.T) {
	const mebi = 1 << 20
	type point struct {
		ms    int
		basis uint64
	}
	for name, c := range map[string]struct {
		points []point
		want   uint64 // MiB/s
	}{
		"no reading":             {nil, 0},
		"one reading":            {[]point{{0, 100}}, 0},
		"steady":                 {[]point{{0, 100}, {100, 200}}, 1000},
		"falling":                {[]point{{0, 200}, {100, 100}}, 0},
		"small steps":            {[]point{{0, 100}, {10, 105}}, 0},
		"small steps add up":     {[]point{{0, 100}, {10, 105}, {20, 110}}, 500},
		"flat before the ascent": {[]point{{0, 100}, {250, 100}, {500, 100}, {510, 120}}, 2000},
		"flat after it":          {[]point{{0, 100}, {10, 120}, {20, 120}, {120, 120}}, 166},
		"at the same instant":    {[]point{{5, 100}, {5, 200}}, 0},
		"forgotten": {[]point{
			{0, 100}, {10, 200}, {20, 200}, {30, 200}, {40, 200}, {50, 200}, {60, 200}, {70, 200}, {80, 200}, {90, 200},
		}, 0},
	} {
		var a ascent
		for _, p := range c.points {
			a.add(time.Duration(p.ms)*time.Millisecond, p.basis*mebi)
		}
		if got := a.rate(10*mebi) / mebi; got != c.want {
			t.Errorf("%s: %d MiB/s, want %d", name, got, c.want)
		}
	}
	var a ascent
	a.correct(7) // Nothing to correct.
	a.add(0, 100*mebi)
	a.add(10*time.Millisecond, 150*mebi)
	a.correct(100 * mebi)
	if got := a.rate(10 * mebi); got != 0 {
		t.Errorf("corrected: %d", got)
	}
}

func TestTimeTo(t *testing.T) {
	if got := timeTo(100, 0); got != time.Hour {
		t.Errorf("at rest: %v", got)
	}
	if got := timeTo(1<<62, 1); got != time.Hour {
		t.Errorf("far off: %v", got)
	}
	if got := timeTo(50, 100); got != 500*time.Millisecond {
		t.Errorf("got %v", got)
	}
}
