package memguard

import (
	"context"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

// fullEvery is the period of complete samples, and so the time in which a
// change of the limit is seen. Between them only what a decision needs is read.
const fullEvery = 250 * time.Millisecond

// sampler is the loop: read, decide, hand on. Its fields belong to its
// goroutine; it meets others through published values and channels only.
type sampler struct {
	guard  *Guard
	source *source
	goMem  *goMemLimit
	policy policy
	pace   pace
	hurry  hastePolicy
	rest   calmPolicy

	start       time.Time
	reader      *cgroupstat.Reader // whose location is published
	watch       watch
	targets     *targets
	limit       Limit
	scopeFixed  bool
	baseline    uint64 // goroutines at the start
	last        sample.Sample
	lastFull    time.Duration
	reclaimable uint64 // usage − basis when last known
	ascent      ascent
	haste       haste
	calm        calm
	gcCost      gcCost
	lastReady   time.Duration // when the dumper was last told to be ready
	outcomes    chan outcome
	waker       *waker
	woken       wakeTargetKey // what the waker follows
	between     between
	observed    observed      // what the doctor is told next
	processAt   time.Duration // when the process was last read
}

// wakeTargetKey tells whether the waker's target is still right.
type wakeTargetKey struct {
	reader  *cgroupstat.Reader
	level   int
	limit   cgroupstat.Value
	targets *targets
}

// outcome tells the sampler how the dump for a line went.
type outcome struct {
	line int
	ok   bool
}

// run ends only when ctx does.
func (s *sampler) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var due time.Duration // when the timer will fire
	for {
		select {
		case <-ctx.Done():
			return
		case o := <-s.outcomes:
			// The timer runs on: nothing but time decides the next sample.
			s.watch = s.watch.dumped(o.line, time.Since(s.start), o.ok)
		case <-timer.C:
			next := s.beat()
			timer.Reset(next)
			due = time.Since(s.start) + next
		case <-s.waker.wakes:
			// What the kernel tells brings the next sample forward, never back.
			next := s.beat()
			if now := time.Since(s.start); now+next < due {
				timer.Reset(next)
				due = now + next
			}
		}
	}
}

// beat is a tick and what it took.
func (s *sampler) beat() time.Duration {
	began := time.Now()
	next := s.tick()
	s.guard.period.Store(int64(next))
	s.guard.busy.Add(int64(time.Since(began)))
	return next
}

// tick takes one sample, acts on it, and gives the time to the next.
func (s *sampler) tick() time.Duration {
	since := time.Since(s.start)
	if s.lastFull == 0 || since-s.lastFull >= fullEvery {
		s.full(since)
		return s.judge(since, s.basis())
	}
	s.guard.samples.Add(1)
	if err := s.source.usage(&s.last); err != nil {
		s.guard.faults.set(partUsage, err)
		s.ease()
		return s.pace.ceiling
	}
	s.guard.faults.set(partUsage, nil)
	s.stamp(since)
	usage := s.last.Usage.Or(0)
	s.between.saw(usage)
	distance, ok := s.watch.distance(s.policy, s.reading(since, usage))
	probable := usage - min(usage, s.reclaimable)
	s.ascent.add(since, probable)
	// Usage bounds the basis from above, so below every threshold nothing else
	// need be read, unless reading more allows a longer sleep or there is more
	// to decide.
	near := distance == 0 || distance < s.pace.reach(s.pace.ceiling) && s.reclaimable >= s.pace.reach(s.pace.floor)
	if ok && !near && !s.hurries(since, probable) {
		s.record(blackbox.Usage)
		return s.sleep(distance, ok)
	}
	err := s.source.stat(&s.last)
	s.guard.faults.set(partStat, err)
	if err != nil {
		s.record(blackbox.Usage)
		s.ease()
		return s.pace.ceiling
	}
	s.closer(since)
	s.record(blackbox.Full)
	return s.judge(since, s.basis())
}

// basis is that of the last sample.
func (s *sampler) basis() cgroupstat.Value { return s.targets.basis.value.of(&s.last) }

// judge decides on a basis, hands a decision on, and gives the time to the next sample.
func (s *sampler) judge(since time.Duration, basis cgroupstat.Value) time.Duration {
	n, ok := basis.Get()
	if !ok {
		s.ease()
		return s.pace.ceiling
	}
	s.observed.highest = max(s.observed.highest, s.last.Unreclaimable().Or(0))
	s.reclaimable = s.last.Usage.Or(n) - min(n, s.last.Usage.Or(n))
	if s.lastFull == since {
		s.ascent.add(since, n)
	} else {
		s.ascent.correct(n)
	}
	r := s.reading(since, n)
	next, d := decide(s.watch, s.policy, r)
	s.watch = next
	if d.fire {
		if s.lastFull != since {
			s.full(since)
		}
		s.guard.flight.crossed(&s.last, n, s.targets.thresholds.value[d.line].At(s.limit.Bytes))
		s.guard.crossed(crossing{
			line: d.line, grew: d.grew, basis: n,
			threshold: s.targets.thresholds.value[d.line], sample: s.last, limit: s.limit,
			goroutines: goroutinesGrew(s.baseline, s.last.Go.Goroutines),
		})
	}
	distance, ok := s.watch.distance(s.policy, r)
	return s.hasten(since, n, s.sleep(distance, ok))
}

func (s *sampler) sleep(distance uint64, ok bool) time.Duration {
	if !ok {
		return s.pace.ceiling
	}
	return s.pace.next(distance)
}

func (s *sampler) reading(since time.Duration, basis uint64) reading {
	r := reading{since: since, basis: basis, limit: s.limit.Bytes}
	for i, t := range s.targets.thresholds.value {
		r.thresholds[i] = t.At(s.limit.Bytes)
	}
	return r
}

// full takes a complete sample, after looking at what may have changed.
func (s *sampler) full(since time.Duration) {
	g := s.guard
	g.samples.Add(1)
	s.follow()
	// A field, not a variable, since that would be on the heap.
	s.last = sample.Sample{Limit: s.limit.Bytes}
	s.stamp(since)
	s.source.full(&s.last, g.faults.set)
	s.goMem.overlook(&s.last.Go)
	if r := s.source.cgroup; r != s.reader {
		s.reader = r
		g.located(r.Location())
	}
	s.gcCost.observe(&s.last.Go)
	s.lastFull, s.processAt = since, since
	g.published.store(&s.last)
	s.record(blackbox.Full)
	s.lookBetween()
	s.consult()
	s.followWakes()
}

// followWakes gives the waker a new target when something it is made of changed.
func (s *sampler) followWakes() {
	r := s.source.cgroup
	if r == nil || s.source.scope != sample.Cgroup {
		return
	}
	key := wakeTargetKey{r, r.Level(), s.limit.Bytes, s.targets}
	if key == s.woken {
		return
	}
	s.woken = key
	s.waker.follow(&wakeTarget{
		location: r.Location(), level: r.Level(), usages: wakeUsages(s.targets.thresholds.value, s.limit.Bytes),
	})
}

// follow re-reads the limits and takes up new targets; on failure what was
// last known stays in force.
func (s *sampler) follow() {
	g := s.guard
	s.aim(g.targets.Load())
	err := s.source.readLimits()
	g.faults.set(partLimit, err)
	if err != nil && s.limit.Source != "" {
		return
	}
	limit := effectiveLimit(s.source.limits.Max, s.suppliedLimit(), Limit{Bytes: s.source.machine, Source: LimitMachine})
	if !s.scopeFixed {
		s.fixScope(limit)
		s.scopeFixed = true
	}
	if limit != s.limit {
		s.limit = limit
		g.limitChanged(limit, s.last.Unreclaimable())
	}
	g.faults.set(partGoMemLimit, s.goMem.follow(limit.Bytes))
}

func (s *sampler) suppliedLimit() Limit {
	return s.targets.supplied.recognize(s.source.limits.Max, s.source.cgroup != nil, s.source.machine)
}

// aim takes up new targets. What was seen of another basis counts no more.
func (s *sampler) aim(t *targets) {
	switch {
	case t == s.targets:
		return
	case s.targets == nil:
	case s.targets.basis.value != t.basis.value:
		s.watch, s.ascent = watch{}, ascent{}
	default:
		s.watch = s.watch.keep(s.targets.thresholds.value, t.thresholds.value)
	}
	s.targets = t
}

// fixScope decides once whose memory a supplied limit is about. A cgroup
// without a limit of its own that is over the supplied one from the start is
// something larger than this program, such as a login session: then the
// process is measured instead.
func (s *sampler) fixScope(limit Limit) {
	if s.source.scope != sample.Cgroup || limit.Source == LimitCgroup || !limit.enforced() {
		return
	}
	var now sample.Sample
	if s.source.usage(&now) != nil || s.source.stat(&now) != nil {
		return
	}
	if n, ok := now.Unreclaimable().Get(); ok && n >= limit.Bytes.Or(0) {
		s.source.measureProcess()
	}
}

// keep carries the state of the thresholds that are in both lists over.
func (w watch) keep(old, now []Threshold) watch {
	var out watch
	for i, t := range now {
		for j, o := range old {
			if o == t {
				out.lines[i] = w.lines[j]
			}
		}
	}
	return out
}

// goroutinesGrew tells whether a goroutine profile belongs beside the dump:
// twice as many as at the start, and not just a handful.
func goroutinesGrew(baseline, now uint64) bool {
	const handful = 100
	return now >= 2*baseline && now >= baseline+handful
}
