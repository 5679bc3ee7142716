package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/history"
	"github.com/memguard-dev/go-memguard/internal/survey"
	"github.com/memguard-dev/go-memguard/internal/trend"
)

func (r *run) oomKills() {
	const lately = 15 * time.Minute
	n := r.recent(lately).OOMKills
	if n == 0 {
		return
	}
	r.add(Finding{
		Code: InvisibleOOMKill, Severity: Critical, Confidence: 1, class: event,
		Summary:  fmt.Sprintf("the kernel killed %d other process(es) of the container in the last %s%s", n, span(lately.Seconds()), whoIsThere(r.facts.Survey)),
		Evidence: []Evidence{{"oom_kills", float64(n), "{process}"}},
	})
}

// whoIsThere names the other processes, and which of them the kernel would take.
func whoIsThere(v *survey.Survey) string {
	if v == nil {
		return ""
	}
	var names []string
	for _, p := range v.Processes {
		if !p.Self && len(names) < 3 {
			score := ""
			if n, ok := p.OOMScore.Get(); ok {
				score = fmt.Sprintf(", oom_score %d", n)
			}
			names = append(names, fmt.Sprintf("%s (pid %d%s) %s", p.Name, p.PID, score, mib(float64(p.RSS.Or(0)))))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; there are " + strings.Join(names, ", ")
}

func (r *run) throttled() {
	high, ok := r.facts.High.Get()
	if !ok {
		return
	}
	const lately = 30 * time.Second
	n := r.recent(lately).High
	usage := float64(r.last.Bytes(history.Usage))
	stalled, told := r.mean(history.Stalled, 10*time.Second)
	// Page cache at memory.high is reclaimed, and hardly anybody waits for that.
	if n == 0 || usage < 0.95*float64(high) || r.basis < 0.7*float64(high) && stalled < 100 {
		return
	}
	f := Finding{
		Code: Throttled, Severity: Warning, Confidence: 0.95, class: event,
		Summary:  fmt.Sprintf("usage %s is at memory.high, %s: slowed down %d times in %s", mib(usage), mib(float64(high)), n, span(lately.Seconds())),
		Evidence: []Evidence{{"usage", usage, "By"}, {"memory_high", float64(high), "By"}, {"high_events", float64(n), "{event}"}},
	}
	if told {
		f.Evidence = append(f.Evidence, Evidence{"stalled", stalled / 10, "%"})
	}
	// Worse than growing towards it.
	f.Severity = Critical
	r.add(f)
}

func (r *run) tmpfs() {
	if g, ok := r.rise(history.Shmem, leastBytes); ok {
		f := r.growing(Tmpfs, &g, "Shared memory and tmpfs")
		f.Summary += mounts(r.facts.Survey)
		r.add(f)
		return
	}
	if held, ok := r.floor(history.Shmem, 10*time.Second); ok && r.big(held, 0.25) {
		f := r.held(Tmpfs, held, "Shared memory and tmpfs")
		f.Summary += mounts(r.facts.Survey)
		r.add(f)
	}
}

// mounts names the fullest tmpfs volumes.
func mounts(v *survey.Survey) string {
	if v == nil || len(v.Tmpfs) == 0 {
		return ""
	}
	var names []string
	for i, m := range v.Tmpfs {
		if i < 3 {
			names = append(names, fmt.Sprintf("%s %s", m.Dir, mib(float64(m.Bytes))))
		}
	}
	return "; " + strings.Join(names, ", ")
}

func (r *run) others() {
	if g, ok := r.rise(history.Others, leastBytes); ok {
		f := r.growing(OtherProcess, &g, "Other processes")
		f.Summary += whoIsThere(r.facts.Survey)
		r.add(f)
		return
	}
	if held, ok := r.floor(history.Others, 10*time.Second); ok && r.big(held, 0.3) {
		f := r.held(OtherProcess, held, "Other processes")
		f.Summary += whoIsThere(r.facts.Survey)
		r.add(f)
	}
}

// kernel is about memory that the kernel cannot take back and that nothing
// more particular explains.
func (r *run) kernel() {
	if g, ok := r.rise(history.Kernel, leastBytes); ok && !r.reclaimableGrew(&g) && r.maps() < 0.1*r.scale {
		r.add(r.growing(KernelMemory, &g, "Kernel memory"))
		return
	}
	held, ok := r.floor(history.Kernel, 10*time.Second)
	held -= r.forgettable(held) + r.maps()
	if ok && held > 0 && r.big(held, 0.2) {
		r.add(r.held(KernelMemory, held, "Kernel memory"))
	}
}

// reclaimableGrew tells whether inode and dentry caches explain a growth: those
// of the cgroup, or of the machine where cgroup v1 does not tell.
func (r *run) reclaimableGrew(g *growth) bool {
	points, _ := r.values(history.Reclaimable, g.window)
	if len(points) > 1 {
		return points[len(points)-1].Y-points[0].Y > 0.5*float64(g.grown())
	}
	points, _ = r.values(history.Dentries, g.window)
	if len(points) < 2 {
		return false
	}
	first, last := points[0], points[len(points)-1]
	return alike((last.Y-first.Y)/(last.X-first.X), g.Rate)
}

// alike tells whether the machine's dentries are those of this cgroup: they grow
// as fast. Else somebody else's would hide what this one does.
func alike(machine, own float64) bool { return machine > 0.75*own && machine < 1.33*own }

// forgettable is how much of the kernel memory it can take back. On cgroup v1,
// which does not tell, that is what the machine's dentries grew by meanwhile.
func (r *run) forgettable(held float64) float64 {
	if n, told := r.last.Get(history.Reclaimable); told {
		return float64(n << 10)
	}
	return min(float64(r.last.Bytes(history.Dentries)), held)
}

// maps is the memory of BPF maps, as far as it is kernel memory here.
func (r *run) maps() float64 {
	n := float64(r.last.Bytes(history.BPF))
	if kernel, ok := r.last.Get(history.Kernel); ok {
		n = min(n, float64(kernel<<10))
	}
	return n
}

func (r *run) bpf() {
	n := r.maps()
	if n < 8<<20 || r.share(n) < 0.1 {
		return
	}
	f := r.held(BPFMaps, n, "BPF maps of this process")
	if s := r.facts.Survey; s != nil {
		f.Evidence = append(f.Evidence, Evidence{"maps", float64(len(s.BPFMaps)), "{map}"})
	}
	r.add(f)
}

func (r *run) sockets() {
	if g, ok := r.rise(history.Sock, leastBytes); ok {
		r.add(r.growing(SocketBuffers, &g, "Network buffers"))
		return
	}
	if held, ok := r.floor(history.Sock, 10*time.Second); ok && r.big(held, 0.1) {
		r.add(r.held(SocketBuffers, held, "Network buffers"))
		return
	}
	if r.facts.Version != cgroupstat.V1 {
		return
	}
	// There they are outside of the usage.
	queued, ok := r.floor(history.TCPQueued, 10*time.Second)
	if !ok || !r.big(queued, 0.1) {
		return
	}
	f := r.held(SocketBuffers, queued, "Data queued in TCP sockets")
	if r.limited() {
		f.Severity = Warning
	}
	f.Summary = fmt.Sprintf("TCP sockets of this process have %s queued that nobody reads; cgroup v1 does not count it as usage", mib(queued))
	r.add(f)
}

func (r *run) dirty() {
	const long = 15 * time.Second
	n, ok := r.mean(history.Dirty, long)
	// v2 holds writers up before that becomes more than a tenth or so.
	share, much, least, held := r.share(n), 0.25, 8.0*(1<<20), false
	if r.facts.Version == cgroupstat.V2 {
		much, least, held = 0.045, 4<<20, true
	}
	if !ok || n < least {
		return
	}
	tight := r.limited() && r.share(r.basis+n) >= 0.85
	if share < much && (share < 0.1 || !tight) {
		return
	}
	e := r.recent(long)
	f := r.held(PageCacheDirty, n, "File pages not yet written back")
	switch {
	case tight && r.share(r.basis+n) >= 0.95:
		f.Severity = Critical
	case tight || !held && r.limited():
		f.Severity = Warning
	}
	f.Summary += fmt.Sprintf(", on average over %s; the heap is %s", span(long.Seconds()), mib(float64(r.last.Bytes(history.Objects))))
	f.Evidence = append(f.Evidence, Evidence{"unreclaimable", r.basis, "By"}, Evidence{"limit_hits", float64(e.Max), "{event}"})
	r.add(f)
}

// spike is a height that was there and went: told by the kernel, or seen in a
// few samples.
func (r *run) spike() {
	if !r.limited() {
		return
	}
	const lately = 15 * time.Minute
	top := float64(r.recent(lately).SpikeKiB) * 1024
	told := "kernel"
	usage, known := r.mean(history.Usage, 30*time.Second)
	held, _ := r.mean(history.Unreclaimable, 30*time.Second)
	if high, ok := r.seenSpike(); ok && high > top && high >= towers*held {
		top, told = high, "samples"
	}
	if !known || top < 0.8*r.scale || usage > 0.6*r.scale {
		return
	}
	r.add(Finding{
		Code: Spike, Severity: Warning, Confidence: 0.9, class: margin, bytes: uint64(top),
		Summary:  fmt.Sprintf("usage reached %s, %.0f %% of the limit, for a moment; it is %s on average (told by the %s)", mib(top), 100*r.share(top), mib(usage), told),
		Evidence: []Evidence{{"spike", top, "By"}, {"usage_mean", usage, "By"}, {"limit", r.scale, "By"}},
	})
}

const (
	// rare is a spike in one of so many points: an even sawtooth is in every
	// fourth above the middle between its mean and its top.
	rare = 5
	// towers is how many times the mean it has to be where samples saw it: a
	// batch between two collections is that of work.
	towers = 1.8
)

// seenSpike is the most unreclaimable memory of the last minute, if it was rare.
func (r *run) seenSpike() (top float64, ok bool) {
	points, _ := r.values(history.Highest, time.Minute)
	for _, p := range points {
		top = max(top, p.Y)
	}
	middle := (top + trend.Mean(points).Y) / 2
	above := 0
	for _, p := range points {
		if p.Y > middle {
			above++
		}
	}
	return top, len(points) > 20 && above*rare <= len(points)
}

func (r *run) pageCache() {
	file, ok := r.floor(history.File, 10*time.Second)
	usage := float64(r.last.Bytes(history.Usage))
	if !ok || r.facts.Unlimited || !r.big(file, 0.25) || r.share(usage) < 0.5 || r.share(r.basis) >= 0.7 {
		return
	}
	f := r.held(PageCache, file, "Page cache")
	f.Severity, f.class = Info, margin
	f.Summary = fmt.Sprintf("usage is %s of %s, of which %s is page cache that the kernel drops when needed; %s cannot be reclaimed",
		mib(usage), mib(r.scale), mib(file), mib(r.basis))
	f.Evidence = append(f.Evidence, Evidence{"unreclaimable", r.basis, "By"}, Evidence{"usage", usage, "By"})
	r.add(f)
}

// named are the series that are told as trends.
var named = []struct {
	series history.Series
	name   string
	unit   string
}{
	{history.Unreclaimable, "unreclaimable", "By"},
	{history.LiveHeap, "live_heap", "By"},
	{history.Goroutines, "goroutines", "{goroutine}"},
	{history.Threads, "threads", "{thread}"},
	{history.OffHeap, "off_heap", "By"},
	{history.Others, "other_processes", "By"},
	{history.Shmem, "shared_memory", "By"},
	{history.File, "page_cache", "By"},
	{history.Kernel, "kernel", "By"},
	{history.Sock, "socket_buffers", "By"},
	{history.Stacks, "go_stacks", "By"},
	{history.Gap, "gap", "By"},
	{history.Free, "go_free", "By"},
	{history.Metadata, "go_metadata", "By"},
	{history.HugePages, "huge_pages", "By"},
}

// NumTrends is how many there may be.
func NumTrends() int { return len(named) }

func (r *run) trends() {
	for _, n := range named {
		enough := leastBytes
		if n.unit != "By" {
			enough = leastCount(50)
		}
		g, ok := r.rise(n.series, enough)
		if !ok {
			continue
		}
		r.out.Trends = append(r.out.Trends, Trend{
			Name: n.name, Unit: n.unit, Window: g.window, From: g.From, To: g.To, Rate: g.Rate, Low: g.Low, High: g.High,
		})
	}
}

func (r *run) timeToLimit() *TimeToLimit {
	g, ok := r.rise(history.Unreclaimable, leastBytes)
	if !slices.ContainsFunc(r.out.Findings, func(f Finding) bool { return f.class == growing }) {
		return nil // It rises to the next collection, or the like.
	}
	if !ok || !r.limited() || r.basis >= r.scale {
		return nil
	}
	left := func(rate float64) time.Duration {
		if rate <= 0 {
			return -1
		}
		return time.Duration(min((r.scale-r.basis)/rate, 1e9) * float64(time.Second))
	}
	return &TimeToLimit{Expected: left(g.Rate), Earliest: left(g.High), Latest: left(g.Low)}
}

func (r *run) sizing() *Sizing {
	sizes := &r.facts.History.Sizes
	p50, ok := sizes.Percentile(0.5)
	if !ok {
		return nil
	}
	p90, _ := sizes.Percentile(0.9)
	p99, _ := sizes.Percentile(0.99)
	return &Sizing{
		Lived: sizes.Lived(), P50: p50, P90: p90, P99: p99,
		Request: p50 + p50*15/100, Limit: p99 + p99*20/100,
	}
}
