package memguard

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/diagnose"
	"github.com/memguard-dev/go-memguard/internal/history"
	"github.com/memguard-dev/go-memguard/internal/sample"
	"github.com/memguard-dev/go-memguard/internal/survey"
)

// doctor keeps the history and says what is wrong, away from the sampler: in
// its own goroutine, from values it is sent.
type doctor struct {
	guard *Guard
	seen  chan observed
	// past is held to change the history, and by others to read it.
	past     sync.Mutex
	history  *history.History
	diagnose func(*diagnose.Facts) diagnose.Diagnosis

	before    sample.Sample
	survey    *survey.Survey
	surveyErr error
	fewest    uint64 // bytes of the machine's dentries
	surveyed  time.Duration
	diagnosed time.Duration
	told      map[telling]time.Duration
	latest    atomic.Pointer[assessment]
}

// observed is a complete sample and what the sampler knows beside it.
type observed struct {
	sample    sample.Sample
	level     int
	high      cgroupstat.Value
	unlimited bool
	// highest is the most unreclaimable memory seen since the one before, spike
	// the highest of spikes since then that no sample saw.
	highest uint64
	spikes  uint32
	spike   uint64
}

// assessment is what the doctor publishes; it is not changed afterwards.
type assessment struct {
	diagnose.Diagnosis
	survey *survey.Survey
}

func (a *assessment) lastSurvey() *survey.Survey {
	if a == nil {
		return nil
	}
	return a.survey
}

const (
	// surveyEvery is the period of what costs more than a sample.
	surveyEvery = 10 * time.Second
	// diagnoseEvery is the period of the diagnosis, diagnoseNear that within
	// nearShare of the limit.
	diagnoseEvery = 5 * time.Second
	diagnoseNear  = time.Second
	nearShare     = 0.6
	// tellAgain is how long a finding that went and came is not told.
	tellAgain = 10 * time.Minute
)

func newDoctor(g *Guard) *doctor {
	return &doctor{
		guard: g, seen: make(chan observed, 16), history: history.New(fullEvery),
		diagnose: new(diagnose.Doctor).Diagnose, told: map[telling]time.Duration{},
		fewest: math.MaxUint64,
	}
}

// see never blocks: a doctor that is behind misses a sample of four in a second,
// and that is told.
func (d *doctor) see(o *observed) bool {
	select {
	case d.seen <- *o:
		return true
	default:
		return false
	}
}

func (d *doctor) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case o := <-d.seen:
			d.attempt(&o)
		}
	}
}

// attempt is take, but a mistake in there ends no program: it is a fault, and
// the history, which may have led to it, begins anew.
func (d *doctor) attempt(o *observed) {
	defer func() {
		if r := recover(); r != nil {
			d.guard.faults.set(partDiagnosis, fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
			d.past.Lock()
			d.history, d.before = history.New(fullEvery), sample.Sample{}
			d.past.Unlock()
		}
	}()
	d.take(o)
}

func (d *doctor) take(o *observed) {
	now := o.sample.Since
	if d.survey == nil || now-d.surveyed >= surveyEvery {
		d.surveyed = now
		next := &survey.Survey{}
		d.surveyErr = survey.Take(d.location(&o.sample), o.level, next)
		d.survey = next
		d.guard.flight.setAround(blackbox.Surroundings{Version: d.version(&o.sample), High: o.high, Survey: *next})
	}
	dentries, err := d.dentries(&o.sample)
	d.guard.faults.set(partSurvey, errors.Join(d.surveyErr, err))
	seen := history.Seen{Highest: o.highest, Spikes: o.spikes, Spike: o.spike, TCPQueued: d.survey.TCPQueued, Dentries: dentries}
	if d.survey.BPFBytes > 0 {
		seen.BPF = cgroupstat.Of(d.survey.BPFBytes)
	}
	p := history.PointOf(&o.sample, &d.before, seen)
	lowered := o.lowered(&d.before)
	kills := d.before.Events.OOMKill
	d.before = o.sample
	if d.before.Events.OOMKill.IsZero() {
		d.before.Events.OOMKill = kills // Those of the time in which it could not be read count.
	}
	d.remember(&p)

	every := diagnoseEvery
	if limit := o.sample.Limit.Or(0); limit > 0 && float64(o.sample.Unreclaimable().Or(0)) > nearShare*float64(limit) {
		every = diagnoseNear
	}
	if lowered {
		every = 0
		delete(d.told, limitTooClose) // Each time is one more.
	}
	if now-d.diagnosed < every && d.diagnosed > 0 {
		return
	}
	d.diagnosed = now
	facts := diagnose.Facts{History: d.history, Survey: d.survey, High: o.high, Unlimited: o.unlimited, Version: d.version(&o.sample)}
	next := &assessment{d.diagnose(&facts), d.survey}
	d.guard.faults.set(partDiagnosis, nil)
	d.latest.Store(next)
	d.tell(next.Findings)
}

// location is that of the cgroup whose usage a sample is; nil: none.
func (d *doctor) location(s *sample.Sample) *cgroupstat.Location {
	if s.Scope != sample.Cgroup {
		return nil
	}
	return d.guard.location.Load()
}

// version is that of the same cgroup; 0: none.
func (d *doctor) version(s *sample.Sample) cgroupstat.Version {
	if l := d.location(s); l != nil {
		return l.Version
	}
	return 0
}

// lowered tells whether the limit has been lowered below what is held.
func (o *observed) lowered(before *sample.Sample) bool {
	limit, limited := o.sample.Limit.Get()
	held, known := o.sample.Unreclaimable().Get()
	return limited && known && !o.unlimited && limit < before.Limit.Or(limit) && held >= limit
}

// remember is apart for its lock, which a panic must not leave behind.
func (d *doctor) remember(p *history.Point) {
	d.past.Lock()
	defer d.past.Unlock()
	d.history.Add(p)
}

// dentries is what the machine's have grown, needed where the cgroup's own are
// not told (v1).
func (d *doctor) dentries(s *sample.Sample) (cgroupstat.Value, error) {
	if _, told := s.Stat.Get(cgroupstat.SlabReclaimable).Get(); told || s.Scope != sample.Cgroup {
		return cgroupstat.Value{}, nil
	}
	v, err := survey.Dentries()
	n, ok := v.Get()
	if !ok {
		return v, err
	}
	d.fewest = min(d.fewest, n)
	return cgroupstat.Of(n - d.fewest), nil
}

// telling is a finding as it was told: one that gets worse is told again.
type telling struct {
	code     diagnose.Code
	severity diagnose.Severity
}

var limitTooClose = telling{diagnose.LimitTooClose, diagnose.Critical}

// tell logs what is new or worse, and matters.
func (d *doctor) tell(findings []Finding) {
	for _, f := range findings {
		if f.Severity == diagnose.Info {
			continue
		}
		now := telling{f.Code, f.Severity}
		last, known := d.told[now]
		d.told[now] = d.diagnosed
		if f.Severity == diagnose.Critical {
			d.told[telling{f.Code, diagnose.Warning}] = d.diagnosed // What gets better is nothing new.
		}
		if !known || d.diagnosed-last > tellAgain {
			d.guard.tellFinding(&f)
		}
	}
}
