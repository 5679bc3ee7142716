package memguard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// running is the one guard of the process: GOMEMLIMIT belongs to the process.
var running struct {
	mu    sync.Mutex
	guard *Guard
}

// Start begins to watch this process's memory. Everything has a default and
// an environment variable; see the package documentation.
//
// The guard is never nil and always safe to use. An error means bad
// configuration: it names each setting, its value and what is accepted, and
// the guard runs with the defaults in their place. Outside a container, on
// another system, or where the cgroup cannot be read, the guard does what it
// can and its log record says what it cannot.
//
// It waits two seconds, at most, for the volume of the dump directory. One that
// takes longer costs this run its dumps; the black box and how the process
// before ended come when it answers.
//
// There is one guard in a process: a second Start returns the running one and
// ErrAlreadyStarted.
func Start(opts ...Option) (*Guard, error) {
	return start(resolve(opts, os.LookupEnv))
}

func start(s *settings) (*Guard, error) {
	if s.off {
		return &Guard{settings: s}, s.err()
	}
	running.mu.Lock()
	defer running.mu.Unlock()
	if running.guard != nil {
		return running.guard, errors.Join(ErrAlreadyStarted, s.err())
	}
	g, err := newGuard(s)
	running.guard = g
	return g, err
}

func release(g *Guard) {
	running.mu.Lock()
	defer running.mu.Unlock()
	if running.guard == g {
		running.guard = nil
	}
}

func newGuard(s *settings) (*Guard, error) {
	g := &Guard{settings: s, reporter: newReporter(s.logger, newEvents(s.loggerProvider))}
	g.faults.tell = g.tellFault
	g.ctx, g.cancel = context.WithCancel(context.Background())
	var missing []error

	g.targets.Store(s.targets())
	dir, ok, err := s.podInfoDir()
	if err != nil {
		s.fail(s.podInfo.origin, err)
	}
	var follower *podInfoFollower
	if ok {
		follower = newPodInfoFollower(g, dir)
	}

	source, lacks := openSource(s.locate)
	missing = append(missing, lacks...)
	g.sampler = &sampler{
		guard: g, source: source, goMem: newGoMemLimit(s.ratio.value),
		policy: s.policy, pace: s.pace, hurry: s.haste, rest: s.calm,
		start: s.now(), outcomes: make(chan outcome), waker: newWaker(g),
	}
	g.doctor = newDoctor(g)
	g.sampler.full(time.Since(g.sampler.start))
	g.sampler.baseline = g.sampler.last.Go.Goroutines

	header, err := identify(g.sampler.start)
	if err != nil {
		missing = append(missing, err)
	}
	g.identity = header.Identity
	missing = append(missing, g.openVolume(header, follower)...)
	g.meters, err = newMeters(g)
	if err != nil {
		missing = append(missing, err)
	}
	watcher, err := g.sampler.waker.open()
	if err != nil {
		missing = append(missing, err)
	}
	// From here on everything belongs to its goroutine.
	g.logStart(missing)
	go g.reporter.run()
	if g.dumper != nil {
		g.wg.Go(func() { g.dumper.run(g.ctx) })
		g.wg.Go(func() { g.dumper.finish(g.ctx) })
		g.wg.Go(func() { g.tellRecovery(g.dumper.store.Recover(g.ctx)) })
		g.wg.Go(func() { g.dumper.collector.run(g.ctx) })
		g.wg.Go(func() { g.dumper.assistant.run(g.ctx) })
	}
	if follower != nil {
		g.wg.Go(func() { follower.run(g.ctx) })
	}
	g.wg.Go(func() { g.doctor.run(g.ctx) })
	g.wg.Go(func() { g.sampler.waker.run(g.ctx, watcher) })
	g.wg.Go(func() { g.sampler.run(g.ctx) })
	return g, s.err()
}

// podInfoDir is the volume to follow. The default is followed only where it exists.
func (s *settings) podInfoDir() (dir string, ok bool, err error) {
	dir = s.podInfo.value
	if dir == "" {
		dir = defaultPodInfo
	}
	info, err := os.Stat(dir)
	switch {
	case s.podInfo.value == "":
		return dir, err == nil && info.IsDir(), nil
	case err != nil:
		return "", false, fmt.Errorf("%w: accepted is a mounted downward API volume", err)
	case !info.IsDir():
		return "", false, fmt.Errorf("%s is not a directory: accepted is a mounted downward API volume", dir)
	}
	return dir, true, nil
}
