package history

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/gomem"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

const quarter = 250 * time.Millisecond

// at is a point whose usage is n KiB.
func at(since time.Duration, n uint64) *Point {
	p := PointOf(&sample.Sample{Since: since, Scope: sample.Cgroup, Usage: cgroupstat.Of(n << 10)}, &sample.Sample{}, Seen{})
	return &p
}

// usages are those of the last d.
func usages(h *History, d time.Duration) (list []uint64, reach time.Duration) {
	reach = h.Window(d, func(p *Point) { list = append(list, p.Count(Usage)) })
	return list, reach
}

func TestSizeIsFixed(t *testing.T) {
	h := New(quarter)
	before := h.Bytes()
	for i := range 8 * 24 * 3600 / 5 {
		h.Add(at(time.Duration(i)*5*time.Second, uint64(i)))
	}
	if after := h.Bytes(); after != before || after > 208<<10 {
		t.Errorf("%d bytes, and %d before", after, before)
	}
	t.Logf("%d bytes", before)
	if first := h.First(); first > 2*time.Hour {
		t.Errorf("after eight days the oldest point is of %v", first)
	}
}

func TestWindowIsOfTheFinestRingThatReaches(t *testing.T) {
	h := New(quarter)
	const life = 3 * 24 * time.Hour
	for now := time.Duration(0); now <= life; now += time.Second {
		h.Add(at(now, uint64(now/time.Second)))
	}
	end := uint64(life / time.Second)
	for _, tt := range []struct {
		window time.Duration
		step   uint64 // seconds between its points
	}{
		{30 * time.Second, 1}, {time.Minute, 1}, {5 * time.Minute, 5}, {2 * time.Hour, 60}, {24 * time.Hour, 15 * 60}, {60 * time.Hour, 2 * 3600},
	} {
		list, reach := usages(h, tt.window)
		if len(list) < 2 || !slices.IsSorted(list) || list[len(list)-1] > end || list[len(list)-1] < end-tt.step {
			t.Errorf("%v: %d points, the last %d", tt.window, len(list), list[len(list)-1])
			continue
		}
		if step := list[1] - list[0]; step != tt.step {
			t.Errorf("%v: a point each %d s, want %d", tt.window, step, tt.step)
		}
		if reach > tt.window || reach < tt.window-time.Duration(tt.step)*time.Second {
			t.Errorf("%v: reaches back %v", tt.window, reach)
		}
	}
}

func TestStepsKeepFloors(t *testing.T) {
	h := New(quarter)
	before := sample.Sample{}
	for i := range 4000 {
		now := sample.Sample{
			Since: time.Duration(i) * quarter, Scope: sample.Cgroup, Usage: cgroupstat.Of(uint64(100+i%20) << 10),
			Go: gomem.Mem{GCCycles: uint64(i / 2), Allocs: uint64(i) << 20},
		}
		seen := Seen{}
		if i%20 == 7 {
			seen.Spikes, seen.Spike = 1, 500<<10
		}
		p := PointOf(&now, &before, seen)
		h.Add(&p)
		before = now
	}
	n := 0
	h.Window(10*time.Minute, func(p *Point) {
		n++
		if p.Since+quarter >= 4000*quarter {
			return // The step that is not over.
		}
		// A step of 5 s has twenty samples.
		if p.Count(Usage) != 100 || p.Events.Collections < 9 || p.Events.Collections > 11 || p.Events.Spikes != 1 || p.Events.SpikeKiB != 500 {
			t.Errorf("at %v: usage %d, events %+v", p.Since, p.Count(Usage), p.Events)
		}
		if rate := p.Count(Allocs); rate < 4090 || rate > 4100 {
			t.Errorf("at %v: %d KiB allocated in a second, want 4096", p.Since, rate)
		}
	})
	if n < 100 {
		t.Errorf("%d points", n)
	}
}

func TestWhatIsAbsentStaysAbsent(t *testing.T) {
	h := New(quarter)
	for i := range 100 {
		h.Add(at(time.Duration(i)*time.Second, 10))
	}
	h.Window(10*time.Minute, func(p *Point) {
		for _, s := range []Series{Limit, BPF, LiveHeap, Threads, Stalled} {
			if n, ok := p.Get(s); ok {
				t.Errorf("series %d is %d", s, n)
			}
		}
	})
}

func TestTimeDoesNotRunBackwards(t *testing.T) {
	h := New(quarter)
	h.Add(at(time.Minute, 1))
	h.Add(at(time.Second, 2))
	if last, ok := h.Last(); !ok || last.Count(Usage) != 1 {
		t.Errorf("%v, %d", ok, last.Count(Usage))
	}
	empty := New(quarter)
	if _, ok := empty.Last(); ok || empty.First() != 0 || empty.Window(time.Hour, func(*Point) { t.Error("a point") }) != 0 {
		t.Error("an empty history knows something")
	}
}

// The sketch is weighed by time, and within one percent of what sorting gives.
func TestSketch(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	h := New(quarter)
	var sizes []uint64
	now := time.Duration(0)
	for range 20000 {
		held := time.Duration(1+random.IntN(5)) * 100 * time.Millisecond
		now += held
		size := uint64(64<<10) + uint64(random.ExpFloat64()*(200<<20))
		s := sample.Sample{Since: now, Scope: sample.Cgroup, Usage: cgroupstat.Of(size)}
		s.Stat.Set(cgroupstat.InactiveFile, 0)
		p := PointOf(&s, &sample.Sample{}, Seen{})
		h.Add(&p)
		for range held / (100 * time.Millisecond) {
			sizes = append(sizes, size)
		}
	}
	slices.Sort(sizes)
	for _, share := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
		got, ok := h.Sizes.Percentile(share)
		want := sizes[min(len(sizes)-1, int(share*float64(len(sizes))))]
		if !ok || float64(got) < 0.999*float64(want) || float64(got) > 1.011*float64(want) {
			t.Errorf("P%v: %d, want %d: %.2f %%", 100*share, got, want, 100*float64(got)/float64(want)-100)
		}
	}
	if lived := h.Sizes.Lived(); lived != now {
		t.Errorf("lived %v of %v", lived, now)
	}
	if _, ok := new(Sketch).Percentile(0.5); ok {
		t.Error("an empty one knows something")
	}
}
