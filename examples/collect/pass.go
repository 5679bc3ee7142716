package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/memguard-dev/go-memguard/internal/identity"
)

// Bounds of one pass; the rest is left for the next.
const (
	maxFiles = 256
	maxBytes = 1 << 30
	// maxRefusals in a row end a pass: the bucket is not well.
	maxRefusals = 3
)

// report is what a pass did.
type report struct {
	shipped, found, removed int
	bytes                   int64 // sent
	// left are files still to ship, young ones not yet to be shipped.
	left, young int
	failed      int
	// refused are those of the failures that are the bucket's.
	refused int
	// cut: there was more to do than one pass does.
	cut bool
}

// complete is true when everything has arrived.
func (r report) complete() bool { return r.failed+r.left+r.young == 0 }

func (r report) idle() bool { return r.shipped+r.removed == 0 }

// collector ships the complete files of a volume into a bucket.
type collector struct {
	dir, prefix string
	here        identity.Identity
	remove      bool
	keepFor     time.Duration

	open  func(context.Context) (*store, error)
	store *store // nil: not open yet
	now   func() time.Time

	ledger     ledger
	complaints complaints
	metrics    *metrics
	// progress is told of each file; after of each step.
	progress func(at, of int, f file, s shipped, err error)
	after    func(step string)
}

// haste says how much a pass waits for.
type haste struct {
	settle time.Duration
	// final: there may be no pass after this one, so that it asks of young
	// black boxes too whether their owner lives.
	final bool
}

// pass looks through the volume once.
func (c *collector) pass(ctx context.Context, h haste) (r report) {
	defer func() {
		c.complaints.endPass()
		c.metrics.pass(r, c.now())
	}()
	c.step("begin")
	if err := c.work(ctx, h, &r); err != nil {
		c.fail(&r, err)
	}
	return r
}

func (c *collector) work(ctx context.Context, h haste, r *report) (err error) {
	root, err := os.OpenRoot(c.dir)
	if err != nil {
		return &fault{faultScan, err}
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	v := volume{root}
	files, err := v.list()
	if err != nil {
		c.fail(r, &fault{faultScan, err})
	}
	c.ledger.forget(files)
	c.step("list")
	lives := c.lives(v, files, h, r)
	ship, young := todo(files, c.ledger, lives, c.now(), h.settle)
	r.left, r.young = len(ship), young
	if len(ship) > 0 || c.remove {
		if err := c.ready(ctx); err != nil {
			return &fault{faultBucket, err}
		}
	}
	c.shipAll(ctx, v, files, ship, r)
	if c.remove && ctx.Err() == nil {
		for _, f := range removable(files, c.ledger, lives, r.left+r.young, c.now(), c.keepFor) {
			c.removeFile(v, f, r)
		}
	}
	return nil
}

func (c *collector) ready(ctx context.Context) (err error) {
	if c.store == nil {
		c.store, err = c.open(ctx)
	}
	return err
}

// lives tells the life of each run that has files of its own.
func (c *collector) lives(v volume, files []file, h haste, r *report) map[string]life {
	lives := map[string]life{}
	for _, f := range files {
		if f.kind == exitStory {
			lives[f.run] = told
		}
	}
	for _, f := range files {
		if f.kind != blackBox || lives[f.run] == told {
			continue
		}
		// A living process writes to its black box many times a second, so
		// that only an old one is worth the question; one that has arrived had
		// no owner any more.
		young := c.now().Sub(f.info.ModTime()).Abs() < h.settle
		switch {
		case c.ledger.has(f):
			lives[f.run] = dead
		case young && !h.final:
			lives[f.run] = living
		default:
			holds, err := v.lives(f)
			if err != nil && !errors.Is(err, errVanished) {
				c.fail(r, faulty(faultRead, f, err))
			}
			lives[f.run] = dead
			if holds || err != nil {
				lives[f.run] = living
			}
		}
	}
	return lives
}

func (c *collector) shipAll(ctx context.Context, v volume, files, ship []file, r *report) {
	s := newShipper(c.store, v, files, c.prefix, c.here, c.step)
	var read int64
	refusals := 0
	for i, f := range ship {
		if i > 0 && (i == maxFiles || read+f.info.Size() > maxBytes) {
			r.cut = true
			return
		}
		if ctx.Err() != nil || refusals == maxRefusals {
			return
		}
		read += f.info.Size()
		done, err := s.ship(ctx, f)
		c.progress(i+1, len(ship), f, done, err)
		switch {
		case err == nil:
			refusals = 0
			r.left--
			c.arrived(f, done, r)
		case errors.Is(err, errVanished):
			r.left-- // Retention removed it: there is nothing to ship.
		default:
			before := r.refused
			c.fail(r, err)
			refusals += r.refused - before
			c.ledger.failures[f.stem]++
		}
	}
}

func (c *collector) arrived(f file, s shipped, r *report) {
	c.ledger.arrived[f.text] = arrival{f.info, s.run}
	delete(c.ledger.failures, f.stem)
	if s.sent {
		r.shipped++
		r.bytes += s.bytes
	} else {
		r.found++
	}
}

// removeFile removes what has arrived, if it still is what has arrived.
func (c *collector) removeFile(v volume, f file, r *report) {
	err := v.unchanged(f)
	if err == nil {
		err = v.Remove(f.text)
	}
	c.step("remove")
	switch {
	case err == nil:
		r.removed++
	case errors.Is(err, errVanished), errors.Is(err, fs.ErrNotExist):
	default:
		c.fail(r, faulty(faultRemove, f, err))
	}
}

func (c *collector) fail(r *report, err error) {
	r.failed++
	kind := faultRead
	var of *fault
	if errors.As(err, &of) {
		kind = of.kind
	}
	if kind == faultBucket || kind == faultVerify {
		r.refused++
	}
	c.metrics.fault(kind)
	c.complaints.hear(kind, err)
}

func (c *collector) step(name string) {
	if c.after != nil {
		c.after(name)
	}
}

func (r report) String() string {
	return fmt.Sprintf("%d shipped (%d bytes), %d there already, %d removed, %d left, %d too young, %d errors",
		r.shipped, r.bytes, r.found, r.removed, r.left, r.young, r.failed)
}
