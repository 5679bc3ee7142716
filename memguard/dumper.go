package memguard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/breakdown"
	"github.com/memguard-dev/go-memguard/internal/identity"
	"github.com/memguard-dev/go-memguard/internal/sample"
)

// crossing is what the sampler saw when a threshold fired.
type crossing struct {
	line       int
	threshold  Threshold
	grew       bool
	basis      uint64
	sample     sample.Sample
	limit      Limit
	goroutines bool
}

// dumpContext is what memguard adds to a dump's manifest.
type dumpContext struct {
	// Identity is where the program runs.
	Identity   identity.Identity    `json:"identity"`
	Threshold  string               `json:"threshold,omitempty"`
	Basis      Basis                `json:"basis"`
	BasisBytes cgroupstat.Value     `json:"basis_bytes,omitzero"`
	Limit      Limit                `json:"limit"`
	Location   *cgroupstat.Location `json:"cgroup,omitempty"`
	Sample     sample.Sample        `json:"sample"`
	// Breakdown is that of the sample; the rest is the last diagnosis before it.
	Breakdown   *Breakdown   `json:"breakdown,omitempty"`
	Findings    []Finding    `json:"findings,omitempty"`
	Trends      []Trend      `json:"trends,omitempty"`
	TimeToLimit *TimeToLimit `json:"time_to_limit,omitempty"`
	Sizing      *Sizing      `json:"sizing,omitempty"`
	// Mappings are those of the process at a fresh dump, most resident first.
	Mappings []MappingGroup    `json:"mappings,omitempty"`
	Faults   map[string]string `json:"faults,omitempty"`
}

// dumper writes dumps, one at a time, away from the sampler.
type dumper struct {
	guard     *Guard
	store     *heapdump.Store
	collector *collector
	assistant *assistant
	requests  chan crossing // holds one: a newer crossing replaces one that waits
	// armed is what the sampler wants; look tells that it may be another than before.
	armed atomic.Bool
	look  chan struct{}
	// urgent is set from a crossing until its profiles are written.
	urgent atomic.Bool
	// written tells the goroutine that finishes dumps that there is one.
	written chan struct{}
	// wantBaseline is set until there is one.
	wantBaseline atomic.Bool

	counts   [3][2]atomic.Uint64 // by stage and result
	bytes    [3]atomic.Int64     // written, by stage
	took     [3]atomic.Int64     // ns
	describe func(*heapdump.Request)
	now      crossing // the one being dumped
}

func newDumper(g *Guard) *dumper {
	d := &dumper{
		guard: g, collector: newCollector(), assistant: newAssistant(), requests: make(chan crossing, 1),
		look: make(chan struct{}, 1), written: make(chan struct{}, 1),
	}
	// Made once, since it is wanted when there is no memory to spare.
	d.describe = d.describeNow
	return d
}

// stages that there are; those of a crossing come first, in the order in
// which they are written.
var stages = [3]heapdump.Stage{heapdump.Immediate, heapdump.Fresh, heapdump.Baseline}

// crossingStages is how many a crossing has.
const crossingStages = 2

// topSites is how many sites a dump names in its manifest and in the log, for
// those who have nothing but the log.
const topSites = 5

const (
	resultOK = iota
	resultFailed
)

func (d *dumper) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-d.requests:
			err := d.dump(ctx, c)
			if ctx.Err() != nil {
				return
			}
			select {
			case d.guard.sampler.outcomes <- outcome{c.line, err == nil}:
			case <-ctx.Done():
			}
		case <-d.look:
			d.guard.faults.set(partArm, errors.Join(d.arm(ctx), d.baseline(ctx)))
		}
	}
}

// request never blocks: while a dump is being written the latest crossing waits.
func (d *dumper) request(c crossing) {
	d.urgent.Store(true)
	for {
		select {
		case d.requests <- c:
			return
		default:
		}
		select {
		case <-d.requests:
		default:
		}
	}
}

// ready says whether to hold ready what a dump needs.
func (d *dumper) ready(armed bool) {
	d.armed.Store(armed)
	poke(d.look)
}

func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// arm holds ready what a dump needs, unless that takes what is left.
func (d *dumper) arm(ctx context.Context) error {
	if !d.armed.Load() {
		return d.store.Disarm()
	}
	s := d.guard.published.load()
	if headroom, ok := d.headroom(&s); ok && 2*d.store.NeedToArm() > headroom {
		return nil // Said in the manifest, if it comes to a dump.
	}
	return d.store.Arm(ctx)
}

// baseline writes the profile that later ones are held against.
func (d *dumper) baseline(ctx context.Context) error {
	if !d.wantBaseline.Load() {
		return nil
	}
	d.now = crossing{sample: d.guard.published.load(), limit: *d.guard.limit.Load()}
	if d.afford(&d.now.sample, heapdump.Baseline) != nil {
		return nil // Another time.
	}
	d.now.basis = d.guard.basis().of(&d.now.sample).Or(0)
	got, err := d.capture(ctx, heapdump.Request{
		Stage: heapdump.Baseline, Urgent: true, Reason: "baseline", Context: d.context(d.now),
	})
	if got.Path != "" {
		d.wantBaseline.Store(false)
		poke(d.written)
	}
	return err
}

// headroom is how far a sample is below the limit.
func (d *dumper) headroom(s *sample.Sample) (uint64, bool) {
	limit, ok := s.Limit.Get()
	basis, known := d.guard.basis().of(s).Get()
	if !ok || !known {
		return 0, false
	}
	return limit - min(limit, basis), true
}

// dump writes the stages of one crossing. The second is tried even when the
// first failed; one that is complete is a success.
func (d *dumper) dump(ctx context.Context, c crossing) error {
	d.urgent.Store(true) // The end of the one before may have cleared it.
	d.now = c
	var errs []error
	var written []heapdump.Dump
	for i := range crossingStages {
		if err := d.afford(&c.sample, stages[i]); err != nil {
			// The manifest of the first stage says it of the second.
			if i == 0 {
				errs = append(errs, err)
			}
			continue
		}
		got, err := d.capture(ctx, heapdump.Request{
			Time: c.sample.Time(), Stage: stages[i], Urgent: true, Describe: d.describe,
			Goroutines: c.goroutines && i == 0,
		})
		errs = append(errs, err)
		if got.Path != "" {
			written = append(written, got)
		}
	}
	d.urgent.Store(false)
	for _, got := range written {
		d.guard.tellDump(got, c.sample.Usage)
	}
	poke(d.written)
	err := errors.Join(errs...)
	if ctx.Err() == nil { // An end by Stop is no fault.
		d.guard.faults.set(partDump, err)
	}
	if len(written) > 0 {
		return nil
	}
	return err
}

// afford tells whether a stage fits into what is left below the limit; all
// but the first must do so twice, since they can be done without.
func (d *dumper) afford(s *sample.Sample, stage heapdump.Stage) error {
	headroom, ok := d.headroom(s)
	need := d.store.Need(stage)
	if stage != heapdump.Immediate {
		need *= 2
	}
	if ok && need > headroom {
		return fmt.Errorf("%w: %s are left below the limit, the %s profile may take %s", ErrHeadroom, mebibytes(headroom), stage, mebibytes(need))
	}
	return nil
}

// describeNow fills in the words of the crossing being dumped.
func (d *dumper) describeNow(r *heapdump.Request) {
	if r.Stage == heapdump.Immediate && d.afford(&d.now.sample, heapdump.Fresh) == nil {
		// The cheap stage is safe: from now on words and collection take turns.
		d.collector.start()
	}
	r.Reason = d.now.reason(d.guard.basis())
	r.Context = d.context(d.now).withMappings(r.Stage)
	if r.Stage == heapdump.Fresh {
		d.urgent.Store(false) // Nothing that is left to do needs the brake.
	} else if err := d.afford(&d.now.sample, heapdump.Fresh); err != nil {
		r.Omitted = err.Error()
	}
	if r.Stage == heapdump.Fresh || r.Omitted != "" {
		r.Top = topSites
	}
}

// finish does for dumps what could wait, in a goroutine of its own: a slow
// disk must not keep the next one waiting. The end of ctx does not cut off
// what was begun, and what waits then is done as well: Stop waits for that.
func (d *dumper) finish(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-d.written:
		}
		// As much as the names of a large program's functions take.
		const symbols = 4 << 20
		s := d.guard.published.load()
		headroom, ok := d.headroom(&s)
		room := !ok || headroom > symbols+d.store.Need(heapdump.Immediate)+d.store.NeedToArm()
		d.guard.faults.set(partFinish, d.store.Finish(context.WithoutCancel(ctx), room))
	}
}

// capture writes one stage and counts how it went. A dump with a path is
// complete even beside an error, which then is about its manifest, fsync or
// what retention could not remove.
func (d *dumper) capture(ctx context.Context, r heapdump.Request) (heapdump.Dump, error) {
	got, err := d.store.Capture(ctx, r)
	stage := slices.Index(stages[:], r.Stage)
	if got.Path == "" {
		d.counts[stage][resultFailed].Add(1)
		return got, err
	}
	d.counts[stage][resultOK].Add(1)
	d.bytes[stage].Add(got.Bytes)
	d.took[stage].Add(int64(got.Duration))
	if r.Stage == heapdump.Baseline {
		return got, err
	}
	last := got // A copy, so that got is not on the heap before it is needed.
	d.guard.lastDump.Store(&last)
	return got, err
}

func (d *dumper) context(c crossing) dumpContext {
	g := d.guard
	about := dumpContext{
		Identity:   g.identity,
		Threshold:  c.threshold.String(),
		Basis:      g.basis(),
		BasisBytes: cgroupstat.Of(c.basis),
		Limit:      c.limit,
		Location:   g.location.Load(),
		Sample:     c.sample,
		Faults:     g.faults.active(),
	}
	if c.threshold == (Threshold{}) {
		about.Threshold = ""
	}
	a := g.doctor.latest.Load()
	if tree, ok := breakdown.Of(&c.sample, a.lastSurvey()); ok {
		about.Breakdown = &tree
	}
	if a != nil {
		about.Findings, about.Trends, about.TimeToLimit, about.Sizing = a.Findings, a.Trends, a.TimeToLimit, a.Sizing
	}
	return about
}

// reason is the crossing in words.
func (c crossing) reason(b Basis) string {
	verb := "reached"
	if c.grew {
		verb = "grew further above"
	}
	text := fmt.Sprintf("%s %s threshold %s: %s", b, verb, c.threshold, mebibytes(c.basis))
	if limit, ok := c.limit.Bytes.Get(); ok {
		text += fmt.Sprintf(" of %s (%.0f%%)", mebibytes(limit), 100*float64(c.basis)/float64(limit))
	}
	return text
}

func mebibytes(n uint64) string {
	return strconv.FormatFloat(float64(n)/(1<<20), 'f', 1, 64) + "MiB"
}
