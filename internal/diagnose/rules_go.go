package diagnose

import (
	"fmt"
	"time"

	"github.com/memguard-dev/go-memguard/internal/history"
)

// heapLeak: the floor after each collection is what lives.
func (r *run) heapLeak() {
	g, ok := r.rise(history.LiveHeap, leastBytes)
	if ok && (g.survives || r.recent(g.window).Collections >= 4) {
		r.add(r.growing(HeapLeak, &g, "Live heap"))
		return
	}
	if !r.facts.Dead {
		return
	}
	// It was over before the collections that would have told what lives.
	if g, ok := r.rise(history.Objects, leastBytes); ok {
		f := r.growing(HeapLeak, &g, "Heap objects")
		f.Confidence -= 0.2
		r.add(f)
	}
}

func (r *run) goroutines() {
	now := float64(r.last.Count(history.Goroutines))
	if now >= 100 {
		if g, ok := r.rise(history.Goroutines, leastCount(max(50, now/4))); ok {
			f := r.growing(GoroutineLeak, &g, "Goroutines")
			f.Summary = fmt.Sprintf("goroutines went from %.0f to %.0f in %s, %.3g a second; their stacks hold %s",
				g.From, g.To, span(g.Span), g.Rate, mib(float64(r.last.Bytes(history.Stacks))))
			f.Severity = r.bytesUrgency()
			stacks, heap := r.rising[history.Stacks], r.rising[history.LiveHeap]
			f.bytes = max(g.grown()<<11, stacks.grown()+heap.grown())
			r.add(f)
			return
		}
	}
	stacks, ok := r.floor(history.Stacks, 10*time.Second)
	if !ok || !r.big(stacks, 0.2) || r.comeAndGo(stacks) {
		return
	}
	f := r.held(GoroutineStacks, stacks, "Goroutine stacks")
	if r.limited() {
		f.Severity = max2(f.Severity, Warning)
	}
	f.Summary += fmt.Sprintf(", of %.0f goroutines: %.0f KiB each", now, stacks/1024/max(now, 1))
	f.Evidence = append(f.Evidence, Evidence{"goroutines", now, "{goroutine}"})
	r.add(f)
}

// comeAndGo tells whether most goroutines do, and no few have deep stacks: until
// the next collection the stacks of those that ended are there for the next ones.
func (r *run) comeAndGo(stacks float64) bool {
	const lately, deep = 10 * time.Second, 64 << 10
	least, _ := r.floor(history.Goroutines, lately)
	most, _ := r.highest(history.Goroutines, lately)
	return most >= 100 && least < most/2 && stacks < deep*most
}

// bytesUrgency is how soon the sum of all meets the limit, for what is counted
// and not measured.
func (r *run) bytesUrgency() Severity {
	if g, ok := r.rise(history.Unreclaimable, leastBytes); ok {
		return r.urgency(&g)
	}
	return Warning
}

func max2(a, b Severity) Severity {
	if a.order() < b.order() {
		return a
	}
	return b
}

func (r *run) threads() {
	now := float64(r.last.Count(history.Threads))
	if now < 40 {
		return
	}
	g, ok := r.rise(history.Threads, leastCount(max(20, now/4)))
	if !ok {
		return
	}
	f := r.growing(ThreadGrowth, &g, "Threads")
	f.Summary = fmt.Sprintf("threads went from %.0f to %.0f in %s, %.3g a second", g.From, g.To, span(g.Span), g.Rate)
	f.Severity = r.bytesUrgency()
	f.bytes = g.grown() << 14
	r.add(f)
}

func (r *run) offHeap() {
	if g, ok := r.rise(history.OffHeap, leastBytes); ok {
		r.add(r.growing(OffHeap, &g, "Memory outside Go"))
		return
	}
	held, ok := r.floor(history.OffHeap, 10*time.Second)
	if !ok || !r.big(held, 0.25) || r.keptByHugePages(held) {
		return
	}
	f := r.held(OffHeap, held, "Memory outside Go")
	f.Summary += "; no heap profile shows it"
	r.add(f)
}

// keptByHugePages tells whether what looks like memory outside Go is the Go
// heap's own: returned pages inside of huge ones stay resident.
func (r *run) keptByHugePages(outside float64) bool {
	return float64(r.last.Bytes(history.AnonTHP)) >= outside/2 && float64(r.last.Bytes(history.Released)) >= outside/2
}

// collections is about a GOMEMLIMIT that is too low for what lives.
func (r *run) collections() {
	const lately = 20 * time.Second
	// The highest: on a steep ascent memguard lowers it for a moment.
	memlimit, limited := r.highest(history.GoMemLimit, 10*time.Second)
	// A collection that never pauses counts what is allocated meanwhile as alive.
	live, _ := r.floor(history.LiveHeap, lately)
	beside := float64(r.last.Bytes(history.Stacks) + r.last.Bytes(history.Metadata))
	if limited && live > 0 && live+beside >= memlimit {
		r.add(Finding{
			Code: LiveHeapOverGoMemLimit, Severity: Warning, Confidence: 0.9, class: burning, bytes: uint64(live),
			Summary: fmt.Sprintf("the live heap of %s and %s beside it do not fit below GOMEMLIMIT, %s", mib(live), mib(beside), mib(memlimit)),
			Evidence: []Evidence{
				{"live_heap", live, "By"}, {"stacks_and_metadata", beside, "By"}, {"gomemlimit", memlimit, "By"},
			},
		})
	}
	share, known := r.mean(history.GCShare, lately)
	e := r.recent(lately)
	if !known || e.Collections < 5 {
		return
	}
	share /= 1000
	footprint := float64(r.last.Bytes(history.Footprint))
	near := limited && footprint >= 0.9*memlimit
	if e.Limited == 0 && (share < 0.3 || !near) && share < 0.6 {
		return
	}
	f := Finding{
		Code: GCThrash, Severity: Warning, Confidence: 0.8, class: burning, bytes: uint64(live),
		Summary: fmt.Sprintf("garbage collection takes %.0f %% of the CPU time used, %d collections in %s", 100*share, e.Collections, span(lately.Seconds())),
		Evidence: []Evidence{
			{"gc_cpu", 100 * share, "%"},
			{"collections", float64(e.Collections), "{gc_cycle}"},
			{"live_heap", live, "By"},
			{"footprint", footprint, "By"},
		},
	}
	if limited {
		f.Summary += fmt.Sprintf("; %s of the heap live, GOMEMLIMIT is %s", mib(live), mib(memlimit))
		f.Evidence = append(f.Evidence, Evidence{"gomemlimit", memlimit, "By"})
	}
	if e.Limited > 0 {
		f.Severity, f.Confidence = Critical, 0.95
		f.Summary += "; the runtime's CPU limiter is on"
	}
	r.add(f)
}

func (r *run) fragmentation() {
	unused, ok := r.floor(history.Unused, 10*time.Second)
	used := float64(r.last.Bytes(history.Objects))
	if !ok || !r.big(unused, 0.15) || unused < 0.33*(unused+used) {
		return
	}
	f := r.held(Fragmentation, unused, "Room inside heap spans in use")
	f.Summary += fmt.Sprintf("; objects fill %.0f %% of their spans", 100*used/(used+unused))
	f.Evidence = append(f.Evidence, Evidence{"heap_objects", used, "By"})
	r.add(f)
}

func (r *run) notReturned() {
	const long = 20 * time.Second
	free, ok := r.floor(history.Free, long)
	if !ok {
		return
	}
	if r.big(free, 0.2) {
		f := r.held(HeapNotReturned, free, "Free heap not returned")
		f.Summary += fmt.Sprintf("; %s is live", mib(float64(r.last.Bytes(history.LiveHeap))))
		r.add(f)
		return
	}
	if left, ok := r.floor(history.HugePages, long); ok && r.big(left, 0.2) {
		f := r.held(HeapNotReturned, left, "Returned memory kept by huge pages")
		f.Evidence = append(f.Evidence, Evidence{"anon_thp", float64(r.last.Bytes(history.AnonTHP)), "By"})
		r.add(f)
		return
	}
	if outside, ok := r.floor(history.OffHeap, long); ok && r.big(outside, 0.2) && r.keptByHugePages(outside) {
		f := r.held(HeapNotReturned, outside, "Returned heap kept by huge pages")
		f.Evidence = append(f.Evidence, Evidence{"anon_thp", float64(r.last.Bytes(history.AnonTHP)), "By"})
		r.add(f)
	}
}
