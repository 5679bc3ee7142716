package chart

import (
	"math"
	"testing"
	"time"
)

func TestBytesAxis(t *testing.T) {
	const gibi = 1 << 30
	for _, tt := range []struct {
		highest float64
		exact   bool
		want    axis
	}{
		{0, false, axis{mebi, mebi / 4}},
		{math.NaN(), true, axis{mebi, mebi / 4}},
		{1, false, axis{4, 1}},
		{1, true, axis{4, 1}},
		{5, false, axis{5, 1}},
		{64 * mebi, false, axis{64 * mebi, 16 * mebi}},
		{65 * mebi, false, axis{80 * mebi, 16 * mebi}},
		{81 * mebi, false, axis{96 * mebi, 32 * mebi}},
		{300 * mebi, false, axis{320 * mebi, 64 * mebi}},
		{512 * mebi, true, axis{512 * mebi, 128 * mebi}},
		{300 * mebi, true, axis{300 * mebi, 64 * mebi}},
		{500 * mebi, true, axis{500 * mebi, 128 * mebi}},
		{1.1 * gibi, false, axis{1.25 * gibi, gibi / 4}},
		{1 << 63, false, axis{1 << 63, 1 << 61}},
		{math.MaxFloat64, false, axis{1 << 64, 1 << 62}},
		{math.Inf(1), true, axis{1 << 64, 1 << 62}},
	} {
		if got := bytesAxis(tt.highest, tt.exact); got != tt.want {
			t.Errorf("bytesAxis(%v, %v) = %v, want %v", tt.highest, tt.exact, got, tt.want)
		}
	}
	for v := 4.0; v < 1<<64; v *= 1.013 {
		for _, exact := range []bool{false, true} {
			a := bytesAxis(v, exact)
			if lines := math.Floor(a.top/a.step) + 1; lines < 4 || lines > 6 || a.top < v || exact && a.top != v {
				t.Fatalf("%v for %v, %v lines", a, v, lines)
			}
		}
	}
}

func TestTimeAxis(t *testing.T) {
	for _, tt := range []struct {
		span, step time.Duration
		farthest   string
	}{
		{time.Nanosecond, time.Second, "now"},
		{3 * time.Second, time.Second, "−3 s"},
		{time.Minute, 15 * time.Second, "−60 s"},
		{2 * time.Minute, 30 * time.Second, "−120 s"},
		{5 * time.Minute, 2 * time.Minute, "−4 min"},
		{15 * time.Minute, 5 * time.Minute, "−15 min"},
		{time.Hour, 15 * time.Minute, "−60 min"},
		{6 * time.Hour, 2 * time.Hour, "−6 h"},
		{day, 6 * time.Hour, "−24 h"},
		{2 * day, 12 * time.Hour, "−48 h"},
		{7 * day, 2 * day, "−6 d"},
		{30 * day, 10 * day, "−30 d"},
		{100 * day, 50 * day, "−100 d"},
		{365 * day, 100 * day, "−300 d"},
		{math.MaxInt64, 50_000 * day, "−100000 d"},
	} {
		step := timeStep(tt.span)
		farthest := string(appendBack(nil, tt.span/step*step, step))
		if step != tt.step || farthest != tt.farthest {
			t.Errorf("%v: %v, %s, want %v, %s", tt.span, step, farthest, tt.step, tt.farthest)
		}
	}
	for span := time.Duration(1); span > 0 && span < 1<<61; span += span/50 + 1 {
		if labels := span/timeStep(span) + 1; labels > 5 || labels < 2 && span > time.Second {
			t.Fatalf("%d labels in %v", labels, span)
		}
	}
}

func TestSizes(t *testing.T) {
	for bytes, want := range map[float64]string{
		0: "0", 1: "1 B", 1023: "1023 B", 1536: "1.5 KiB", 410 << 20: "410 MiB", 5 << 28: "1.25 GiB", 1 << 63: "8 EiB", 1 << 64: "16 EiB",
	} {
		if got := string(appendSize(nil, bytes)); got != want {
			t.Errorf("%v is %s, want %s", bytes, got, want)
		}
	}
}
