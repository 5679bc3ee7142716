package memguard

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/memguard-dev/go-memguard/cgroupstat"
	"github.com/memguard-dev/go-memguard/internal/wakeup"
)

// waker hands the kernel's notifications to the sampler, which they make look
// sooner and never later.
type waker struct {
	guard   *Guard
	want    atomic.Pointer[wakeTarget]
	changed chan struct{}
	wakes   chan struct{}
	current atomic.Pointer[wakeup.Watcher]
}

// wakeTarget is what to be woken for. It is not changed once made.
type wakeTarget struct {
	location cgroupstat.Location
	level    int
	usages   []uint64 // v1: of interest when crossed
}

func (t *wakeTarget) sameCgroup(other *wakeTarget) bool {
	return t.level == other.level && slices.Equal(t.location.Levels, other.location.Levels)
}

const (
	// wakeRest bounds how often the sampler is woken, wakeRetry how often a
	// watcher that failed is tried again.
	wakeRest  = 2 * time.Millisecond
	wakeRetry = 10 * time.Second
)

func newWaker(g *Guard) *waker {
	return &waker{guard: g, changed: make(chan struct{}, 1), wakes: make(chan struct{}, 1)}
}

// follow takes a new target; it does not wait.
func (k *waker) follow(t *wakeTarget) {
	before := k.want.Swap(t)
	poke(k.changed)
	w := k.current.Load()
	if w == nil || before == nil {
		return
	}
	if !t.sameCgroup(before) {
		k.guard.faults.set(partWakeup, w.Close()) // Which ends Wait; run opens the next.
		return
	}
	k.guard.faults.set(partWakeup, w.Thresholds(t.usages...))
}

// open watches the target of now; nil where the kernel offers nothing for it.
func (k *waker) open() (*wakeup.Watcher, error) {
	t := k.want.Load()
	if t == nil {
		return nil, nil
	}
	w, err := wakeup.Open(t.location, t.level)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, cgroupstat.ErrGone) {
		// The timer does without; the sampler tells of a cgroup that is gone.
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	k.current.Store(w)
	// A target that came meanwhile did not find w.
	if now := k.want.Load(); !now.sameCgroup(t) {
		k.current.Store(nil)
		return nil, w.Close()
	}
	return w, w.Thresholds(k.want.Load().usages...)
}

// run begins with what open gave before.
func (k *waker) run(ctx context.Context, w *wakeup.Watcher) {
	for ctx.Err() == nil {
		if w != nil {
			err := k.watch(ctx, w)
			k.current.Store(nil)
			if err = errors.Join(err, w.Close()); ctx.Err() == nil {
				k.guard.faults.set(partWakeup, err)
			}
		}
		k.rest(ctx, wakeRetry, k.changed)
		var err error
		if w, err = k.open(); ctx.Err() == nil {
			k.guard.faults.set(partWakeup, err)
		}
	}
	if w != nil {
		// The process goes on without; nobody is left to be told.
		_ = w.Close()
	}
}

// watch passes notifications on until the watcher ends.
func (k *waker) watch(ctx context.Context, w *wakeup.Watcher) error {
	for {
		_, err := w.Wait(ctx)
		switch {
		case ctx.Err() != nil, errors.Is(err, wakeup.ErrClosed), errors.Is(err, cgroupstat.ErrGone):
			return nil
		case err != nil:
			return err
		}
		poke(k.wakes)
		k.rest(ctx, wakeRest, nil)
	}
}

func (k *waker) rest(ctx context.Context, d time.Duration, early <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-early:
	}
}

// wakeUsages are the usages at which the sampler should look: each threshold,
// and on the way to it.
func wakeUsages(thresholds []Threshold, limit cgroupstat.Value) []uint64 {
	var usages []uint64
	for _, t := range thresholds {
		if at, ok := t.At(limit).Get(); ok {
			usages = append(usages, at/8*7, at)
		}
	}
	slices.Sort(usages)
	return slices.Compact(usages)
}
