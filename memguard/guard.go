package memguard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/identity"
)

// Guard watches this process's memory until Stop. All methods are safe for
// concurrent use, on a guard that is switched off or stopped, and on nil.
type Guard struct {
	settings *settings
	sampler  *sampler
	dumper   *dumper // nil: no dump directory
	flight   *flight // nil: no black box
	doctor   *doctor
	faults   faults
	reporter *reporter
	identity identity.Identity

	published published
	targets   atomic.Pointer[targets]
	asked     asked
	limit     atomic.Pointer[Limit]
	location  atomic.Pointer[cgroupstat.Location]
	lastDump  atomic.Pointer[heapdump.Dump]
	previous  atomic.Pointer[PreviousExit]
	samples   atomic.Uint64
	period    atomic.Int64 // ns to the next sample
	busy      atomic.Int64 // ns that samples took
	oomKills  atomic.Uint64
	spikes    atomic.Uint64

	meters  *meters
	cancel  context.CancelFunc
	ctx     context.Context
	wg      sync.WaitGroup
	mu      sync.Mutex
	closed  bool // no further wg.Add
	stop    sync.Once
	stopErr error
}

// stopTimeout bounds Stop where a volume or a log handler hangs.
const stopTimeout = 5 * time.Second

// ErrStopTimeout is returned by Stop when a dump, the black box or a log handler
// still hangs after five seconds; it ends by itself once the volume or handler
// answers. Where only the handler hangs the exit is marked as clean.
var ErrStopTimeout = errors.New("memguard: stop: a dump or log record did not end within 5s")

// Stop ends the watch: it waits for what is running, restores GOMEMLIMIT and
// closes what was opened. Further calls return the same result. It marks a
// clean exit for [Guard.PreviousExit] of the next start, unless a panic calls
// it, among its deferred calls.
func (g *Guard) Stop() error {
	if g == nil || g.sampler == nil {
		return nil
	}
	g.stop.Do(func() { g.stopErr = g.shutdown(panicking()) })
	return g.stopErr
}

func (g *Guard) shutdown(panicking bool) error {
	defer release(g)
	err := g.meters.unregister()
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	// Each of these may hang: a dump, the log handler, the volume. None keeps
	// the others from their end.
	watched := inBackground(g.wg.Wait)
	told := inBackground(func() {
		<-watched
		g.reporter.stop()
	})
	last, stop := context.WithTimeout(ctx, lastRecordTimeout)
	defer stop()
	wait(last, watched)
	boxed := g.flight.finish(ending{g.settings.now(), panicking})
	unused := wait(ctx, watched) && wait(ctx, boxed)
	g.sampler.goMem.restore()
	if !unused {
		// The descriptors stay open: somebody is still using them.
		return errors.Join(err, ErrStopTimeout)
	}
	var released error
	if !wait(ctx, inBackground(func() { released = g.release() })) {
		return errors.Join(err, ErrStopTimeout)
	}
	if !wait(ctx, told) {
		released = errors.Join(released, ErrStopTimeout)
	}
	return errors.Join(err, released)
}

// lastRecordTimeout is how long the black box waits for its last record.
const lastRecordTimeout = time.Second

// release closes what nobody uses any more.
func (g *Guard) release() error {
	err := g.sampler.source.close()
	if g.flight != nil {
		err = errors.Join(err, g.flight.err)
	}
	if g.dumper != nil {
		err = errors.Join(err, g.dumper.store.Close())
	}
	return err
}

// inBackground gives a channel that is closed when fn has returned.
func inBackground(fn func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	return done
}

// wait is false when ctx ended before.
func wait(ctx context.Context, done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
	}
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

// Dump takes a heap profile now, both as the heap is and after a garbage
// collection, whatever thresholds say, and returns the latter. What does not
// fit into the memory that is left below the limit is not taken: ErrHeadroom.
// It waits for a dump that is running; ctx bounds the waiting between steps,
// not a step. A dump with a path is complete, also beside an error.
func (g *Guard) Dump(ctx context.Context, reason string) (heapdump.Dump, error) {
	if g == nil || g.sampler == nil || !g.enter() {
		return heapdump.Dump{}, ErrStopped
	}
	defer g.wg.Done()
	if g.dumper == nil {
		return heapdump.Dump{}, ErrNoDumpDir
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(g.ctx, cancel)()
	c := crossing{sample: g.published.load(), limit: *g.limit.Load()}
	c.basis = g.basis().of(&c.sample).Or(0)
	var last heapdump.Dump
	var errs []error
	at := g.settings.now()
	for i := range crossingStages {
		now := g.published.load()
		if err := g.dumper.afford(&now, stages[i]); err != nil {
			errs = append(errs, fmt.Errorf("dump: %w", err))
			continue
		}
		got, err := g.dumper.capture(ctx, heapdump.Request{
			Time: at, Stage: stages[i], Reason: reason, Context: g.dumper.context(c).withMappings(stages[i]), Goroutines: i == 0,
			Top: i * topSites, Describe: g.dumper.omits,
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("dump: %w", err))
		}
		if got.Path != "" {
			last = got
		}
	}
	return last, errors.Join(errs...)
}

// enter makes Stop wait for the caller; false after Stop.
func (g *Guard) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.wg.Add(1)
	return true
}

// crossed is called by the sampler.
func (g *Guard) crossed(c crossing) {
	if g.dumper == nil {
		g.faults.set(partDump, ErrNoDumpDir)
		return
	}
	g.dumper.request(c)
}

// limitChanged is called by the sampler when the effective limit is another;
// held is what was last known not to be reclaimable.
func (g *Guard) limitChanged(l Limit, held cgroupstat.Value) {
	if before := g.limit.Swap(&l); before != nil {
		g.flight.setState()
		g.tellLimit(l, held)
	}
}

// basis is the quantity held against the thresholds now.
func (g *Guard) basis() Basis { return g.targets.Load().basis.value }

// located is called by the sampler when it reads another cgroup than before.
func (g *Guard) located(l cgroupstat.Location) { g.location.Store(&l) }
