package memguard

import (
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
)

const testLimit = 1000 << 20 // so that 1 % is 10 MiB

// drive runs decide over percentages of the limit, one each second, and gives
// the seconds at which it fired.
func drive(p policy, thresholds []Threshold, percents []float64) (fired []int) {
	var w watch
	for i, percent := range percents {
		r := readingAt(time.Duration(i)*time.Second, percent, thresholds...)
		var d decision
		if w, d = decide(w, p, r); d.fire {
			fired = append(fired, i)
			w = w.dumped(d.line, r.since, true)
		}
	}
	return fired
}

func readingAt(since time.Duration, percent float64, thresholds ...Threshold) reading {
	limit := cgroupstat.Of(testLimit)
	r := reading{since: since, basis: uint64(percent * testLimit / 100), limit: limit}
	for i, t := range thresholds {
		r.thresholds[i] = t.At(limit)
	}
	return r
}

func repeat(n int, values ...float64) (out []float64) {
	for range n {
		out = append(out, values...)
	}
	return out
}

func equalInts(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestDecide(t *testing.T) {
	p80 := []Threshold{Percent(80)}
	tests := []struct {
		name       string
		thresholds []Threshold
		percents   []float64
		want       []int
	}{
		{"below", p80, repeat(10, 79.9), nil},
		{"reached", p80, []float64{79, 80, 80, 80}, []int{1}},
		{"at the first look", p80, []float64{95}, []int{0}},
		{"dances on the threshold", p80, repeat(3600, 79.5, 80.5), []int{1}},
		{"dances within the hysteresis", p80, repeat(3600, 75.1, 84.9), []int{1}},
		{"grows", p80, []float64{80, 82, 84.9, 85, 89, 90, 94, 96, 99}, []int{0, 3, 5, 7}},
		{"grows slowly past a step", p80, []float64{80, 86, 90.9, 91}, []int{0, 1, 3}},
		{
			"armed again below the hysteresis, after the cooldown", p80,
			append(append([]float64{80}, repeat(60, 70)...), 80),
			[]int{0, 61},
		},
		{
			"armed again but in the cooldown", p80,
			append(append([]float64{80}, repeat(30, 70)...), repeat(40, 80)...),
			[]int{0, 60},
		},
		{"a new height does not wait for the cooldown", p80, []float64{80, 70, 90}, []int{0, 2}},
		{
			"not armed while within the hysteresis", p80,
			append(append([]float64{80}, repeat(200, 76)...), 81),
			[]int{0},
		},
		{"two thresholds", []Threshold{Percent(70), Percent(90)}, []float64{69, 70, 80, 90, 91}, []int{1, 2, 3}},
		{"both at once is one dump", []Threshold{Percent(70), Percent(90)}, []float64{60, 92, 93}, []int{1}},
		{"an amount", []Threshold{Bytes(500 << 20)}, []float64{49, 50, 51}, []int{1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := drive(defaultPolicy, tt.thresholds, tt.percents); !equalInts(got, tt.want) {
				t.Errorf("fired at %v, want %v", got, tt.want)
			}
		})
	}
}

func TestDecideCooldownDoublesForASawtooth(t *testing.T) {
	// A heap that swings from 60 % to 85 % twice a minute, for a day.
	fired := drive(defaultPolicy, []Threshold{Percent(80)}, repeat(2880, repeat(1, append(repeat(15, 60), repeat(15, 85)...)...)...))
	if n := len(fired); n < 3 || n > 35 {
		t.Errorf("%d dumps in a day, want a few at first and then at most one an hour", n)
	}
}

func TestDecideWithoutALimit(t *testing.T) {
	var r reading
	r.basis = 1 << 40
	r.thresholds[0] = Percent(80).At(cgroupstat.Value{})
	if _, d := decide(watch{}, defaultPolicy, r); d.fire {
		t.Error("a share of no limit fired")
	}
	r.thresholds[1] = Bytes(1 << 30).At(cgroupstat.Value{})
	if _, d := decide(watch{}, defaultPolicy, r); !d.fire || d.line != 1 {
		t.Errorf("an amount without a limit: %+v", d)
	}
}

func TestDecideRetriesAFailedDump(t *testing.T) {
	var w watch
	var fired []int
	for second := range 200 {
		r := readingAt(time.Duration(second)*time.Second, 85, Percent(80))
		var d decision
		if w, d = decide(w, defaultPolicy, r); d.fire {
			fired = append(fired, second)
			w = w.dumped(d.line, r.since, second >= 100)
		}
	}
	if want := []int{0, 1, 3, 7, 15, 31, 63, 123}; !equalInts(fired, want) {
		t.Errorf("tried at %v, want %v", fired, want)
	}
}

func TestDistance(t *testing.T) {
	var w watch
	r := readingAt(0, 70, Percent(80), Percent(90))
	if got, ok := w.distance(defaultPolicy, r); !ok || got != testLimit/10 {
		t.Errorf("below: %d, %v", got, ok)
	}
	r = readingAt(time.Second, 82, Percent(80), Percent(90))
	w, _ = decide(w, defaultPolicy, r)
	if got, _ := w.distance(defaultPolicy, r); got != testLimit/20 {
		t.Errorf("above the first: %d, want a step of growth %d", got, testLimit/20)
	}
	if _, ok := w.distance(defaultPolicy, reading{}); ok {
		t.Error("no threshold: a distance")
	}
}

func TestPace(t *testing.T) {
	p := pace{worstRate: 1 << 30, floor: 5 * time.Millisecond, ceiling: 250 * time.Millisecond}
	for distance, want := range map[uint64]time.Duration{
		0:         5 * time.Millisecond,
		3 << 20:   5 * time.Millisecond,
		384 << 20: 125 * time.Millisecond,
		768 << 20: 250 * time.Millisecond,
		1 << 62:   250 * time.Millisecond,
	} {
		if got := p.next(distance); got != want {
			t.Errorf("%d bytes away: %v, want %v", distance, got, want)
		}
	}
}

// FuzzDecide: whatever the course, a dump is never missed at a first crossing
// or a new height by a step, and never made below the threshold.
func FuzzDecide(f *testing.F) {
	f.Add([]byte{79, 80, 85, 90, 70, 80})
	f.Fuzz(func(t *testing.T, course []byte) {
		var w watch
		highest := -1.0
		for i, b := range course {
			percent := float64(b) / 2.55
			r := readingAt(time.Duration(i)*time.Second, percent, Percent(80))
			var d decision
			w, d = decide(w, defaultPolicy, r)
			if d.fire && percent < 79.99 {
				t.Fatalf("fired at %v %%", percent)
			}
			if must := percent > 80.01 && (highest < 0 || percent > highest+5.01); must && !d.fire {
				t.Fatalf("did not fire at %v %%, highest before %v", percent, highest)
			}
			if d.fire {
				highest = max(highest, percent)
			}
		}
	})
}
