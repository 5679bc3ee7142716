package diagnose

import (
	"fmt"
	"sort"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/history"
	"github.com/memguard-dev/go-memguard/internal/survey"
	"github.com/memguard-dev/go-memguard/internal/trend"
)

// Facts are what a diagnosis is made of.
type Facts struct {
	History *history.History
	// Survey is the last one; nil: none.
	Survey *survey.Survey
	// High is memory.high.
	High cgroupstat.Value
	// Unlimited says that there is no limit but the machine's.
	Unlimited bool
	// Version is that of the cgroup; 0: none.
	Version cgroupstat.Version
	// Dead says that the history is that of a process's last moments.
	Dead bool
}

// Doctor makes diagnoses; it reuses its buffers, remembers what it found to grow
// and belongs to one goroutine.
type Doctor struct {
	run  run
	told map[Code]told
}

// run is one diagnosis.
type run struct {
	facts  *Facts
	last   history.Point
	scale  float64 // the limit, without one the usage
	basis  float64 // unreclaimable bytes now
	out    Diagnosis
	points []trend.XY
	load   []trend.XY
	work   []float64
	beside trend.Beside
	rising map[history.Series]growth
	grew   map[Code]growth // of the findings of growth
	// waiting outlives a diagnosis.
	waiting waiting
}

// Diagnose is pure: the same facts in the same order give the same findings. It
// takes less than a millisecond on a full history.
func (d *Doctor) Diagnose(f *Facts) Diagnosis {
	r := &d.run
	last, ok := f.History.Last()
	r.facts, r.last, r.out = f, last, Diagnosis{Since: last.Since}
	if r.rising == nil {
		r.rising, r.grew = map[history.Series]growth{}, map[Code]growth{}
	}
	clear(r.rising)
	clear(r.grew)
	if ok {
		r.scale = float64(last.Bytes(history.Limit))
		if !r.limited() {
			r.scale = float64(last.Bytes(history.Usage))
		}
		r.basis = float64(last.Bytes(history.Unreclaimable))
		for _, rule := range rules {
			rule(r)
		}
		d.hold(r)
		r.trends()
		r.out.TimeToLimit = r.timeToLimit()
		r.out.Sizing = r.sizing()
	}
	r.relate()
	sort.SliceStable(r.out.Findings, func(i, j int) bool { return before(&r.out.Findings[i], &r.out.Findings[j]) })
	if len(r.out.Findings) == 0 {
		r.out.Findings = []Finding{r.healthy(ok)}
	}
	return r.out
}

var rules = []func(*run){
	(*run).oomKills, (*run).throttled,
	(*run).heapLeak, (*run).goroutines, (*run).threads,
	(*run).offHeap, (*run).tmpfs, (*run).others,
	(*run).kernel, (*run).sockets, (*run).bpf, (*run).dirty,
	(*run).collections, (*run).fragmentation, (*run).notReturned,
	(*run).spike, (*run).tooClose, (*run).noLimit, (*run).pageCache,
}

func (r *run) add(f Finding) {
	f.Next = Table[rank(f.Code)].Next
	f.Confidence = max(0, min(1, f.Confidence))
	r.out.Findings = append(r.out.Findings, f)
}

// rise finds growth once for each series.
func (r *run) rise(s history.Series, enough least) (growth, bool) {
	if g, ok := r.rising[s]; ok {
		return g, g.window > 0
	}
	g, ok := r.grows(s, enough)
	r.rising[s] = g
	return g, ok
}

// share is a size as a share of the limit.
func (r *run) share(bytes float64) float64 {
	if r.scale <= 0 {
		return 0
	}
	return bytes / r.scale
}

// limited tells whether there is a limit but the machine's. Without one a share
// is of the usage, and says nothing of trouble.
func (r *run) limited() bool {
	return !r.facts.Unlimited && r.last.Bytes(history.Limit) > 0
}

// urgency is how soon a growth meets the limit.
func (r *run) urgency(g *growth) Severity {
	if !r.limited() {
		return Warning
	}
	if r.share(r.basis) >= 0.9 || (r.scale-r.basis)/max(g.Rate, 1) < (10*time.Minute).Seconds() {
		return Critical
	}
	return Warning
}

// growing is a finding of growth.
func (r *run) growing(c Code, g *growth, what string) Finding {
	r.grew[c] = *g
	f := Finding{
		Code: c, Severity: r.urgency(g), Confidence: confidence(g), class: growing, bytes: g.grown(),
		Summary: fmt.Sprintf("%s grew from %s to %s in %s, %s%s", what, mib(g.From), mib(g.To), span(g.Span), rate(g.Rate), r.until(g)),
	}
	f.Evidence = r.evidence(what, g)
	return f
}

func (r *run) evidence(what string, g *growth) []Evidence {
	unit := "By"
	switch g.series {
	case history.Goroutines:
		unit = "{goroutine}"
	case history.Threads:
		unit = "{thread}"
	}
	name := snake(what)
	return []Evidence{
		{name + "_from", g.From, unit},
		{name + "_to", g.To, unit},
		{"window", g.Span, "s"},
		{"rate", g.Rate, unit + "/s"},
		{"rate_low", g.Low, unit + "/s"},
		{"rate_high", g.High, unit + "/s"},
		{"limit", float64(r.last.Bytes(history.Limit)), "By"},
	}
}

// until says when the limit is reached.
func (r *run) until(g *growth) string {
	if !r.limited() || g.Rate <= 0 || r.basis >= r.scale {
		return ""
	}
	return fmt.Sprintf("; the limit of %s is %s away at this rate", mib(r.scale), span((r.scale-r.basis)/g.Rate))
}

func confidence(g *growth) float64 {
	c := 0.5 + 0.4*g.Agree
	if g.window < time.Minute {
		c -= 0.2 // It may be a start-up.
	}
	return c
}

// held is a finding of what is there and does not grow.
func (r *run) held(c Code, bytes float64, what string) Finding {
	f := Finding{
		Code: c, Severity: Info, Confidence: 0.8, class: holding, bytes: uint64(bytes),
		Summary:  fmt.Sprintf("%s: %s, %s", what, mib(bytes), r.percent(bytes)),
		Evidence: []Evidence{{snake(what), bytes, "By"}, {"share", 100 * r.share(bytes), "%"}, {"limit", float64(r.last.Bytes(history.Limit)), "By"}},
	}
	if r.limited() && r.share(r.basis) >= 0.7 {
		f.Severity = Warning
	}
	return f
}

func (r *run) percent(bytes float64) string {
	of := "the limit"
	if !r.limited() {
		of = "the usage"
	}
	return fmt.Sprintf("%.0f %% of %s", 100*r.share(bytes), of)
}

// big tells whether a part is worth a word.
func (r *run) big(bytes, share float64) bool {
	return bytes >= 16<<20 && r.share(bytes) >= share
}

// relate marks what follows from something else.
func (r *run) relate() {
	has := func(c Code) *Finding {
		for i := range r.out.Findings {
			if r.out.Findings[i].Code == c {
				return &r.out.Findings[i]
			}
		}
		return nil
	}
	follow := func(c Code) {
		if f := has(c); f != nil {
			f.class = symptom
		}
	}
	threads, goroutines, heap := r.rising[history.Threads], r.rising[history.Goroutines], r.rising[history.LiveHeap]
	if has(ThreadGrowth) != nil && has(GoroutineLeak) != nil && 2*threads.grown() >= goroutines.grown() {
		follow(GoroutineLeak)
	}
	if has(GoroutineLeak) != nil || has(ThreadGrowth) != nil {
		follow(GoroutineStacks)
		// Each holds something; a few that do not explain the heap are no cause.
		const each = 256 << 10
		n := max(goroutines.grown(), threads.grown())
		if heap.grown() <= each*n {
			follow(HeapLeak)
		} else {
			follow(GoroutineLeak)
		}
		// A connection has goroutines, and buffers that end with them.
		for _, code := range []Code{KernelMemory, OffHeap, SocketBuffers} {
			switch f := has(code); {
			case f == nil:
			case f.bytes <= each*n:
				f.class = symptom
			case code == SocketBuffers:
				follow(GoroutineLeak)
			}
		}
	}
	if has(HeapLeak) != nil || has(GoroutineLeak) != nil {
		follow(LiveHeapOverGoMemLimit)
		follow(GCThrash)
		follow(Fragmentation)
		follow(HeapNotReturned)
	}
	if has(LiveHeapOverGoMemLimit) != nil {
		follow(GCThrash)
	}
	if has(SocketBuffers) != nil || has(BPFMaps) != nil {
		if f := has(KernelMemory); f != nil && f.class == holding {
			f.class = symptom
		}
	}
	for _, f := range r.out.Findings {
		if near := has(LimitTooClose); f.class == growing && near != nil && near.class == margin {
			near.class = symptom
		}
	}
}

func (r *run) healthy(known bool) Finding {
	f := Finding{Code: Healthy, Severity: Info, Confidence: 0.9, Next: Table[rank(Healthy)].Next, Summary: "nothing is known yet"}
	if known {
		f.Summary = fmt.Sprintf("nothing grows without end; %s that cannot be reclaimed, %s", mib(r.basis), r.percent(r.basis))
		if heap, ok := r.mean(history.Objects, 30*time.Second); ok {
			floor := float64(r.last.Bytes(history.LiveHeap))
			f.Evidence = []Evidence{{"live_heap", floor, "By"}, {"heap_mean", heap, "By"}}
		}
	}
	return f
}
