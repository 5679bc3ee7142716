package diagnose

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/gomem"
	"github.com/memguard-dev/go-memguard/internal/history"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

// batch is a simulated program that fills memory, holds it, lets it go and
// rests, again and again, beside a little garbage; and its collector, which
// sees only what lives when a collection happens to run.
type batch struct {
	base, size       float64 // bytes that live always, and that a job takes
	fill, hold, rest float64 // seconds
	background       float64 // bytes of garbage a second
	leak             float64 // bytes a second that never go
	cache, warmup    float64 // bytes that are there in the end, and seconds in which two thirds come
	even             bool    // the cache fills evenly in those seconds
	dumped           bool    // at 80 % of the limit there is a collection
}

// findings runs it and gives the times at which it is told to leak.
func (b *batch) findings(d time.Duration) (times []time.Duration, last string) {
	h := history.New(250 * time.Millisecond)
	var doctor Doctor
	const step = 0.05
	const limit, memoryLimit = 128 * mebi, 115 * mebi
	objects, live, kept, job, before := b.base, 0.0, b.base, 0.0, sample.Sample{}
	var allocs float64
	var cycles uint64
	for i := 1; float64(i)*step <= d.Seconds(); i++ {
		at := float64(i) * step
		cached := 0.0
		switch {
		case b.even && at <= b.warmup:
			cached = b.cache * step / b.warmup
		case b.cache > 0 && !b.even:
			cached = b.cache * (math.Exp(-(at-step)/b.warmup) - math.Exp(-at/b.warmup))
		}
		kept += b.leak*step + cached
		taken := (b.background+b.leak)*step + cached
		switch phase := at - float64(int(at/(b.fill+b.hold+b.rest)))*(b.fill+b.hold+b.rest); {
		case phase < b.fill:
			job += b.size * step / b.fill
			taken += b.size * step / b.fill
		case phase >= b.fill+b.hold:
			job = 0
		}
		objects += taken
		allocs += taken
		dump := b.dumped && objects+8*mebi >= 0.8*limit
		b.dumped = b.dumped && !dump
		if dump || objects >= min(max(4*mebi, 2*live), memoryLimit-12*mebi) {
			live = kept + job
			objects = live
			cycles++
		}
		if i%5 != 0 {
			continue
		}
		rss := uint64(objects) + 8*mebi
		now := sample.Sample{
			Since: time.Duration(at * float64(time.Second)), Scope: sample.Cgroup, Usage: cgroupstat.Of(rss), Limit: cgroupstat.Of(limit),
			Go: gomem.Mem{Objects: uint64(objects), LiveHeap: uint64(live), MemoryLimit: memoryLimit, GCCycles: cycles, Allocs: uint64(allocs), Total: rss},
		}
		now.Process.RSSAnon = cgroupstat.Of(rss)
		now.Stat.Set(cgroupstat.Anon, rss)
		for _, none := range []cgroupstat.Key{cgroupstat.File, cgroupstat.InactiveFile, cgroupstat.ActiveFile, cgroupstat.SlabReclaimable} {
			now.Stat.Set(none, 0)
		}
		p := history.PointOf(&now, &before, history.Seen{})
		h.Add(&p)
		before = now
		if i%20 != 0 {
			continue
		}
		for _, f := range doctor.Diagnose(&Facts{History: h, Version: cgroupstat.V2}).Findings {
			if f.Code == HeapLeak {
				times, last = append(times, now.Since), f.Summary
			}
		}
	}
	return times, last
}

func anyBatch(random *rand.Rand) batch {
	between := func(low, high float64) float64 { return low + random.Float64()*(high-low) }
	return batch{
		base: between(1, 20) * mebi, size: between(20, 60) * mebi, fill: between(0.2, 10), hold: between(0, 6), rest: between(0.5, 10),
		background: between(0, 10) * mebi,
	}
}

func TestBatchJobsAreNoLeak(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 7))
	told := 0
	for range few(400) {
		b := anyBatch(random)
		if times, last := b.findings(6 * time.Minute); len(times) > 0 {
			told++
			t.Logf("%+v: %d times from %v: %s", b, len(times), times[0], last)
		}
	}
	// By chance what a job holds when it is collected can rise for a minute.
	if told > int(few(400)/200) {
		t.Errorf("%d of %d are told to leak", told, few(400))
	}
}

func TestCachesThatFillAreNoLeak(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 9))
	told := 0
	for range few(400) {
		b := anyBatch(random)
		b.size /= 20
		b.cache, b.warmup = (20+random.Float64()*50)*mebi, 2+random.Float64()*6
		if times, last := b.findings(3 * time.Minute); len(times) > 0 {
			told++
			t.Logf("%+v: %d times from %v: %s", b, len(times), times[0], last)
		}
	}
	if told > 0 {
		t.Errorf("%d of %d are told to leak", told, few(400))
	}
}

// A cache, a lazily growing map or a loader may take half a minute or two to
// reach its bound, evenly; whether there is one shows when it is reached.
func TestCachesThatFillEvenlyAreNoLeak(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 13))
	told := 0
	for i := range few(200) {
		b := anyBatch(random)
		b.base = min(b.base, 8*mebi)
		b.size /= 40
		if i%3 == 0 {
			b.size, b.background = mebi/8, random.Float64()*0.2*mebi // Hardly any garbage.
		}
		b.even, b.cache, b.warmup = true, (10+random.Float64()*35)*mebi, 10+random.Float64()*120
		if times, last := b.findings(7 * time.Minute); len(times) > 0 {
			told++
			t.Logf("%+v: %d times from %v: %s", b, len(times), times[0], last)
		}
	}
	// Garbage that nobody has collected yet may go on as the cache did.
	if told > int(few(200)/50) {
		t.Errorf("%d of %d are told to leak", told, few(200))
	}
}

func TestLeakBesideBatchJobs(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 8))
	missed := 0
	for range few(100) {
		b := anyBatch(random)
		b.size /= 3
		b.leak = 0.25 * mebi
		if times, _ := b.findings(6 * time.Minute); len(times) == 0 {
			missed++
			t.Logf("%+v: not told", b)
		}
	}
	if missed > int(few(100)/10) {
		t.Errorf("%d of %d leaks are missed", missed, few(100))
	}
}

// A program that makes no garbage is collected ever less often.
func TestLeaksWithoutGarbage(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 11))
	late := 0
	for range few(200) {
		b := batch{
			base: (1 + random.Float64()*20) * mebi, size: mebi / 8, fill: 1, hold: 1, rest: 1,
			background: random.Float64() * 0.1 * mebi, leak: (0.5 + random.Float64()*2) * mebi,
		}
		end := time.Duration((105*mebi - b.base) / b.leak * float64(time.Second))
		times, last := b.findings(end)
		if len(times) == 0 || times[0] > end*4/5 {
			late++
			t.Logf("%+v: told %d times of %v: %s", b, len(times), end, last)
		}
	}
	if late > int(few(200)/10) {
		t.Errorf("%d of %d are not found in the first four fifths", late, few(200))
	}
}

// Tables are loaded at the start; what follows is garbage that nobody has
// collected yet.
func TestLoadedTablesAreNoLeak(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 12))
	told := 0
	for range few(400) {
		load := 1 + random.Float64()*15
		b := batch{
			base: (1 + random.Float64()*5) * mebi, size: (10 + random.Float64()*50) * mebi, fill: load, hold: 1e6, rest: 1,
			background: random.Float64() * 2 * mebi,
		}
		if times, last := b.findings(3 * time.Minute); len(times) > 0 {
			told++
			t.Logf("%+v: %d times from %v: %s", b, len(times), times[0], last)
		}
	}
	// Garbage that comes as fast as the tables did looks the same until it is
	// collected.
	if told > int(few(400)/50) {
		t.Errorf("%d of %d are told to leak", told, few(400))
	}
}

func TestFastLeaksAreFoundBeforeTheEnd(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 10))
	late, gone := 0, 0
	for range few(200) {
		b := batch{
			base: (3 + random.Float64()*30) * mebi, size: random.Float64() * 3 * mebi, fill: 1, hold: 1, rest: 1,
			background: (1 + random.Float64()*20) * mebi, leak: (0.3 + random.Float64()*2) * mebi,
		}
		end := time.Duration((105*mebi - b.base) / b.leak * float64(time.Second))
		times, last := b.findings(end)
		if len(times) == 0 {
			late++
			t.Logf("%+v: not found in %v", b, end)
			continue
		}
		if last := times[len(times)-1]; end-last > 2*time.Second {
			t.Errorf("%+v: told at %v, but no more after %v of %v", b, times[0], last, end)
		}
		if gaps := int((end-times[0])/time.Second) - len(times); gaps > 5 {
			gone++
		}
		t.Logf("%.1f MiB/s, background %.0f, base %.0f: after %v of %v: %s", b.leak/mebi, b.background/mebi, b.base/mebi, times[0], end.Round(time.Second), last)
	}
	if late > 0 || gone > int(few(200)/20) {
		t.Errorf("%d of %d are not found, %d come and go", late, few(200), gone)
	}
}

// A leak that takes ten seconds from the start to the limit is told before, once
// the dump's collection has said that it lives.
func TestLeaksOfSecondsAreFound(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 14))
	late := 0
	for range few(200) {
		b := batch{
			base: (1 + random.Float64()*20) * mebi, size: mebi / 8, fill: 1, hold: 1, rest: 1,
			background: random.Float64() * 3 * mebi, leak: (4 + random.Float64()*10) * mebi, dumped: true,
		}
		end := time.Duration((120*mebi - b.base) / b.leak * float64(time.Second))
		if times, _ := b.findings(end); len(times) == 0 {
			late++
			t.Logf("%+v: not told in %v", b, end)
		}
	}
	if late > int(few(200)/20) {
		t.Errorf("%d of %d are not found", late, few(200))
	}
}

// Jobs that come near the limit, and are over before it.
func TestJobsNearTheLimitAreNoLeak(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 15))
	between := func(low, high float64) float64 { return low + random.Float64()*(high-low) }
	told := 0
	for range few(400) {
		b := batch{
			base: between(1, 15) * mebi, size: between(60, 80) * mebi, fill: between(0.5, 10), hold: between(0.5, 6), rest: between(1, 60),
			background: between(0, 5) * mebi, dumped: true,
		}
		if times, last := b.findings(3 * time.Minute); len(times) > 0 {
			told++
			t.Logf("%+v: %d times from %v: %s", b, len(times), times[0], last)
		}
	}
	// What goes on steeply at four fifths of the limit cannot be waited for.
	if told > int(few(400)/20) {
		t.Errorf("%d of %d are told to leak", told, few(400))
	}
}
