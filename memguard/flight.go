package memguard

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/heapdump"
	"github.com/memguard-dev/go-memguard/internal/blackbox"
	"github.com/memguard-dev/go-memguard/internal/crash"
)

// flight is what this process leaves for its successor, and what it makes of
// what its predecessors have left. All that needs the volume is done in its own
// goroutine: one that does not answer keeps neither Start nor Stop waiting.
type flight struct {
	guard  *Guard
	header blackbox.Header
	box    *blackbox.Box
	kills  cgroupstat.Value // the cgroup's oom_kill counter as this process found it

	begun chan error    // what failed at the beginning; holds one
	late  atomic.Bool   // begun was given up or is taken
	ended chan struct{} // closed: nothing runs any more
	err   error         // of the end; valid then
	// ending and the end of ctx are what Stop gives.
	ending ending
	ctx    context.Context
	end    context.CancelFunc

	state  sync.Mutex // held while it is put together
	output blackbox.CrashOutput

	// The rest is of the goroutine.
	dir   string
	crash *crash.Output
}

// ending is how Stop was called.
type ending struct {
	at        time.Time
	panicking bool
}

// boxBudget is the part of the retention's bytes that is for black boxes.
func (s *settings) boxBudget() int64 {
	if s.boxBytes.value == 0 {
		return 0
	}
	const beside = 64 << 10 // crash output and verdict of a run, generously
	return min(s.budget()/4, int64(s.keep.value)*(s.boxBytes.value+beside))
}

// newFlight begins to record, in memory until run is called.
func newFlight(g *Guard, h blackbox.Header) *flight {
	f := &flight{
		guard: g, header: h, kills: g.published.load().Events.OOMKill,
		begun: make(chan error, 1), ended: make(chan struct{}),
	}
	f.ctx, f.end = context.WithCancel(context.Background())
	f.box = blackbox.New(blackbox.Options{
		Header: h, Bytes: int(g.settings.boxBytes.value),
		Fault: func(err error) { g.faults.set(partBlackBox, err) },
	})
	f.setState()
	return f
}

// run reads what was left, and records until finish is called.
func (f *flight) run(volume <-chan opened) {
	defer close(f.ended)
	v := <-volume
	if v.store == nil {
		return // It came late, and why it did not come is told.
	}
	f.tellBegun(f.begin(v.store))
	if v.close {
		defer func() { f.err = errors.Join(f.err, v.store.Close()) }()
	}
	if f.guard.enter() {
		go func() {
			defer f.guard.wg.Done()
			f.retain()
		}()
	}
	f.box.Run(f.ctx)
	f.err = f.close()
}

// begin tells of earlier runs and makes the files of this one.
func (f *flight) begin(store *heapdump.Store) error {
	f.dir = store.Dir()
	past := f.readPast(store)
	return errors.Join(past, f.box.OpenIn(f.dir), f.catchCrash())
}

// tellBegun hands over how it began, or tells it where nobody waits any more.
func (f *flight) tellBegun(err error) {
	if f.late.CompareAndSwap(false, true) {
		f.begun <- err
	} else {
		f.guard.tellLate(err)
	}
}

// waitBegun gives what failed at the beginning; false is that it still lasts.
func (f *flight) waitBegun(ctx context.Context) (begun bool, failed error) {
	select {
	case err := <-f.begun:
		return true, err
	case <-ctx.Done():
	}
	if f.late.CompareAndSwap(false, true) {
		return false, nil
	}
	return true, <-f.begun
}

// finish has the end written down, once the last record is made. What it gives
// is closed then.
func (f *flight) finish(e ending) <-chan struct{} {
	if f == nil {
		return inBackground(func() {})
	}
	f.ending = e
	f.end()
	return f.ended
}

// catchCrash has the runtime's last words written beside the box.
func (f *flight) catchCrash() error {
	file, err := blackbox.CreateCrash(f.dir, f.header.Run)
	if err != nil {
		f.setOutput(blackbox.NoCrashOutput)
		return fmt.Errorf("crash output: %w", err)
	}
	f.crash, err = crash.Install(file)
	output := blackbox.OurCrashOutput
	switch {
	case errors.Is(err, crash.ErrTaken):
		output, err = blackbox.ApplicationsOutput, nil // Which is fine.
	case f.crash == nil:
		output = blackbox.NoCrashOutput
	}
	f.setOutput(output)
	err = errors.Join(err, file.Close())
	if f.crash == nil {
		err = errors.Join(err, blackbox.RemoveEmptyCrash(f.dir, f.header.Run))
	}
	if err != nil {
		return fmt.Errorf("crash output: %w", err)
	}
	return nil
}

// setOutput has the box say who takes the runtime's last words.
func (f *flight) setOutput(o blackbox.CrashOutput) {
	f.state.Lock()
	f.output = o
	f.state.Unlock()
	f.setState()
}

// setState has the box say what is in force.
func (f *flight) setState() {
	if f == nil {
		return
	}
	f.state.Lock()
	defer f.state.Unlock()
	g := f.guard
	f.box.SetState(blackbox.State{
		Limit: g.limit.Load().Bytes, Basis: string(g.basis()),
		Thresholds: strings.Join(thresholdTexts(g.targets.Load().thresholds.value), ", "),
		Asked:      g.asked.last(), CrashOutput: f.output,
	})
}

// setAround has the box say what was seen around the process.
func (f *flight) setAround(s blackbox.Surroundings) {
	if f != nil {
		f.box.SetAround(s)
	}
}

// close marks the end that was asked for.
func (f *flight) close() error {
	err := f.box.Close(f.ending.at, f.ending.panicking)
	if f.ending.panicking {
		return err // The runtime has not said its last words yet.
	}
	return errors.Join(err, f.crash.Remove(), blackbox.RemoveEmptyCrash(f.dir, f.header.Run))
}

// panicking tells whether the caller runs among the deferred calls of a panic.
func panicking() bool {
	const deepest = 256
	var pcs [deepest]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		frame, more := frames.Next()
		if frame.Function == "runtime.gopanic" {
			return true
		}
		if !more {
			return false
		}
	}
}

// retryRetention is how soon a retention that failed is tried again.
const retryRetention = 10 * time.Minute

// retain keeps what earlier runs have left within bounds.
func (f *flight) retain() {
	again := time.NewTicker(retryRetention)
	defer again.Stop()
	for {
		// The box of this run is counted, and does not count.
		s := f.guard.settings
		err := blackbox.Retain(f.dir, s.keep.value+1, s.boxBudget()+s.boxBytes.value)
		f.guard.faults.set(partRetention, err)
		if err == nil {
			return
		}
		select {
		case <-f.guard.ctx.Done():
			return
		case <-again.C:
		}
	}
}
