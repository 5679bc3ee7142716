package heapdump

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/memguard-dev/go-memguard/internal/gomem"
	"github.com/memguard-dev/go-memguard/internal/heapprofile"
)

// maxMoves bounds how many milliseconds a taken name moves on.
const maxMoves = 256

// Capture writes one dump, then its manifest, then the goroutine profile if
// asked for, makes them last and applies retention. One capture runs at a
// time; others wait for it or for their ctx. A GC once begun is not
// interrupted, everything else stops when ctx ends.
//
// A Dump with a Path is complete, whatever the error: the error then says what
// went wrong after the profile had its name: its manifest, the goroutine
// profile, fsync, retention or the end of ctx. After a failed fsync the dump
// stays, since other processes can read it as long as the node lives. Without
// a Path nothing was left behind.
//
// An urgent capture leaves symbols, fsync and retention to [Store.Finish], and
// does not wait for anybody else's fsync either.
//
// Errors wrap the system's (syscall.ENOSPC, EIO and others), ctx's, ErrStage
// and ErrClosed.
func (s *Store) Capture(ctx context.Context, req Request) (Dump, error) {
	if req.Stage == "" {
		req.Stage = Immediate
	}
	if req.Stage != Immediate && req.Stage != Fresh && req.Stage != Baseline {
		return Dump{}, fmt.Errorf("heapdump: %w %q: accepted are %q, %q and %q", ErrStage, req.Stage, Immediate, Fresh, Baseline)
	}
	if !req.Urgent {
		if err := take(ctx, s.lasting); err != nil {
			return Dump{}, fmt.Errorf("heapdump: capture: %w", err)
		}
		defer func() { <-s.lasting }()
	}
	if err := s.acquire(ctx); err != nil {
		return Dump{}, fmt.Errorf("heapdump: capture: %w", err)
	}
	dump, left, err := s.capture(ctx, req)
	if len(left.files) > 0 {
		err = errors.Join(err, s.makeLast(ctx, left, false))
	}
	if err != nil {
		return dump, fmt.Errorf("heapdump: capture in %s: %w", s.path, err)
	}
	return dump, nil
}

// capture ends the turn, and hands over what is left to do, unless that is to
// wait for Finish.
func (s *Store) capture(ctx context.Context, req Request) (Dump, pending, error) {
	defer s.release()
	c := &s.current
	*c = capture{Store: s, ctx: ctx, req: req, open: c.open[:0]}
	defer func() { c.encoder = nil }()
	dump, err := c.run()
	if len(c.open) == 0 {
		return dump, pending{}, err
	}
	s.last = c.set
	if req.Urgent {
		c.leave()
		return dump, pending{}, err
	}
	return dump, s.begin(c.files()), err
}

// capture is one call of Capture.
type capture struct {
	*Store
	ctx  context.Context
	req  Request
	set  setName
	heap gomem.Mem
	open []written
	// encoder holds what the profile was made of.
	encoder *heapprofile.Encoder
}

func (c *capture) run() (Dump, error) {
	began := c.edge.now()
	if c.req.Time.IsZero() {
		c.req.Time = began
	}
	profile, err := c.profile()
	if err != nil {
		return Dump{}, err
	}
	ended := c.edge.now()
	c.open = append(c.open, profile)
	if c.req.Describe != nil {
		c.req.Describe(&c.req)
	}
	c.remember()
	m := c.manifest(began, ended, profile.size)
	dump := Dump{
		Path: c.join(m.Profile), Bytes: profile.size, Stage: m.Stage, Reason: m.Reason, Time: c.req.Time,
		Duration: ended.Sub(began), HeapBytes: m.HeapBytes, StaleBytes: m.StaleBytes, Run: m.Run, PID: m.PID,
		Top: m.Top,
	}
	if c.edge.afterProfile != nil {
		c.edge.afterProfile()
	}
	return dump, c.complete(&dump, m)
}

// complete adds to the dump all that follows the profile.
func (c *capture) complete(dump *Dump, m *Manifest) error {
	var errs []error
	// The manifest is short work and worth it even when ctx has ended.
	name := c.set.file(c.req.Stage, manifestFile)
	if err := c.add(context.WithoutCancel(c.ctx), name, m.writeTo); err != nil {
		errs = append(errs, fmt.Errorf("manifest: %w", err))
	} else {
		dump.Manifest = c.join(name)
	}
	if m.GoroutineProfile != "" {
		if err := c.add(c.ctx, m.GoroutineProfile, c.edge.goroutines); err != nil {
			errs = append(errs, fmt.Errorf("goroutine profile: %w", err))
		} else {
			dump.Goroutine = c.join(m.GoroutineProfile)
		}
	}
	return errors.Join(errs...)
}

// profile writes the heap profile under the first free name of its set.
func (c *capture) profile() (written, error) {
	if c.req.Stage == Fresh {
		c.edge.gc()
	}
	if err := c.ctx.Err(); err != nil {
		return written{}, err
	}
	c.mem.Read(&c.heap)
	if c.req.Urgent {
		if w, ok := c.profileArmed(); ok {
			return w, nil
		}
	}
	if err := c.follow(); err != nil {
		return written{}, err
	}
	return c.dir.write(c.ctx, c.encode, func(temp string) error {
		return c.claim(func(set setName) error {
			return c.dir.rename(temp, set.file(c.req.Stage, heapProfile))
		})
	})
}

// claim finds the set's name and calls take until it does not fail for an
// existing file.
func (c *capture) claim(take func(setName) error) error {
	if set, ok := c.recent.find(c.req.Time); ok && !c.taken(set, c.req.Stage) {
		if err := take(set); !errors.Is(err, fs.ErrExist) {
			c.set = set
			return err
		}
	}
	set, err := newSetName(c.req.Time, c.edge.pid)
	if err != nil {
		return err
	}
	for range maxMoves {
		if !c.taken(set, Immediate, Fresh, Baseline) {
			err := take(set)
			if err == nil {
				c.set = set
				c.recent.add(c.req.Time, set)
			}
			if !errors.Is(err, fs.ErrExist) {
				return err
			}
		}
		set = set.next()
	}
	return fmt.Errorf("name of %s and of the %d milliseconds after it: %w", c.req.Time.UTC().Format(timeLayout), maxMoves-1, fs.ErrExist)
}

// taken reports whether the set has a file of one of the stages. Between this
// look and the rename another process may take the name: rename then fails,
// or at worst two processes share a set, and no file is lost.
func (c *capture) taken(set setName, stages ...Stage) bool {
	for _, stage := range stages {
		for _, name := range set.files(stage) {
			if c.dir.exists(name) {
				return true
			}
		}
	}
	return false
}

// add writes a file beside the profile.
func (c *capture) add(ctx context.Context, name string, fill func(io.Writer) error) error {
	w, err := c.dir.write(ctx, fill, func(temp string) error { return c.dir.rename(temp, name) })
	if err != nil {
		return err
	}
	c.open = append(c.open, w)
	return nil
}

func (c *capture) manifest(began, ended time.Time, size int64) *Manifest {
	m := &Manifest{
		Version: ManifestVersion, Stage: c.req.Stage,
		// The JSON encoder mends what is not UTF-8, such as a character cut in two.
		Reason: c.req.Reason[:min(len(c.req.Reason), maxReason)],
		Time:   c.req.Time.UTC(), CapturedAt: began.UTC(),
		SinceCrossing: ended.Sub(c.req.Time).Seconds(), Duration: ended.Sub(began).Seconds(),
		Run: c.opt.Run, PID: c.edge.pid, Build: thisBuild(), Omitted: c.req.Omitted, Top: c.top(),
		HeapBytes: c.heap.Objects, LiveHeapBytes: c.heap.LiveHeap, StaleBytes: staleBytes(&c.heap),
		GCCycles: c.heap.GCCycles, Goroutines: c.heap.Goroutines,
		Profile: c.set.file(c.req.Stage, heapProfile), ProfileBytes: size,
	}
	if c.req.Stage != Baseline {
		m.Baseline = c.baselineFile
	}
	if c.req.Goroutines {
		m.GoroutineProfile = c.set.file(c.req.Stage, goroutineProfile)
	}
	// A host without a name is no reason to lack a manifest.
	m.Hostname, _ = os.Hostname()
	m.setContext(c.req.Context)
	return m
}

// staleBytes is what was allocated since the last GC and not freed. Before
// the first GC the runtime shows every sampled allocation.
func staleBytes(m *gomem.Mem) uint64 {
	if m.GCCycles == 0 || m.Objects < m.LiveHeap {
		return 0
	}
	return m.Objects - m.LiveHeap
}

func (s *Store) join(name string) string { return filepath.Join(s.path, name) }

// recentSets remembers the names given to the last crossings, so that later
// stages of one find their set.
type recentSets struct {
	at   [16]time.Time
	set  [16]setName
	next int
}

func (r *recentSets) add(at time.Time, set setName) {
	i := r.next % len(r.at)
	r.at[i], r.set[i] = at, set
	r.next++
}

func (r *recentSets) find(at time.Time) (setName, bool) {
	for i := r.next; i > max(0, r.next-len(r.at)); i-- {
		if j := (i - 1) % len(r.at); r.at[j].Equal(at) {
			return r.set[j], true
		}
	}
	return setName{}, false
}

func (r *recentSets) has(set setName) bool {
	for i := range min(r.next, len(r.at)) {
		if r.set[i] == set {
			return true
		}
	}
	return false
}
