package heapdump

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// maxWaiting bounds how many files wait for Finish; each holds a descriptor.
const maxWaiting = 16

// waiting is a complete file that is to be made to last.
type waiting struct {
	written
	set     setName
	profile string // the name of a heap profile, which may lack symbols; empty: no such
}

// files are those of the capture that are to be made to last.
func (c *capture) files() []waiting {
	files := make([]waiting, 0, len(c.open))
	for i, w := range c.open {
		next := waiting{written: w, set: c.set}
		if i == 0 {
			next.profile = c.set.file(c.req.Stage, heapProfile)
		}
		files = append(files, next)
	}
	return files
}

// leave notes the capture's files for Finish. The oldest are let go when
// there are too many: they stay complete, only not synced by us.
func (c *capture) leave() {
	c.waiting = append(c.waiting, c.files()...)
	for len(c.waiting) > maxWaiting {
		// Its content was written long ago.
		_ = c.waiting[0].trim()
		_ = c.waiting[0].file.Close()
		c.waiting = c.waiting[1:]
	}
}

// Finish does for the files of urgent captures what could wait: it makes the
// files last and applies retention. If there is room in memory it adds symbols,
// and where the store is armed makes it ready again. Symbols take up to about
// the size of the program's function names; the profile without them stays
// complete until the one with them takes its place, and [Recover] adds them at
// the next start of this program. Errors are those of Capture.
func (s *Store) Finish(ctx context.Context, room bool) error {
	if err := s.acquire(ctx); err != nil {
		return fmt.Errorf("heapdump: finish: %w", err)
	}
	left := s.begin(s.waiting)
	s.waiting = nil
	s.release()
	if err := s.makeLast(ctx, left, room); err != nil {
		return fmt.Errorf("heapdump: finish in %s: %w", s.path, err)
	}
	return nil
}

// pending are files that are being made to last.
type pending struct {
	dir   directory // a capture may follow the path to another meanwhile
	files []waiting
}

// newest is the set that must not be removed meanwhile.
func (p *pending) newest() setName { return p.files[len(p.files)-1].set }

// begin hands files to makeLast; Close waits for it.
func (s *Store) begin(files []waiting) pending {
	s.unfinished.Add(1)
	left := pending{s.dir, files}
	if len(files) > 0 {
		s.settling = append(s.settling, left.newest())
	}
	return left
}

// makeLast does what could wait. For the slow part it takes no turn: a disk must
// not keep the next capture waiting.
func (s *Store) makeLast(ctx context.Context, left pending, room bool) error {
	defer s.unfinished.Done()
	err := s.settle(ctx, &left.dir, left.files, room)
	// The bounds hold whether or not anybody waits any more.
	s.busy <- struct{}{}
	defer s.release()
	if len(left.files) > 0 {
		err = errors.Join(err, s.prune())
		i := slices.Index(s.settling, left.newest())
		s.settling = slices.Delete(s.settling, i, i+1)
	}
	if s.armed != nil && room {
		err = errors.Join(err, s.makeReady())
	}
	return err
}

// trim gives back the space that was set aside and not used.
func (w *written) trim() error {
	if w.reserved == 0 {
		return nil
	}
	return w.file.Truncate(w.size)
}

// settle adds symbols and makes the files last. The end of ctx costs no more
// than that.
func (s *Store) settle(ctx context.Context, dir *directory, left []waiting, symbols bool) error {
	var errs []error
	files := make([]written, 0, len(left))
	for _, w := range left {
		errs = append(errs, w.trim())
		if w.profile != "" && symbols && ctx.Err() == nil {
			better, err := s.edge.symbolize(ctx, dir, w.profile)
			errs = append(errs, err)
			if better.file != nil {
				errs = append(errs, w.file.Close())
				w.written = better
			}
		}
		files = append(files, w.written)
	}
	if len(files) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		for _, w := range files {
			errs = append(errs, w.file.Close())
		}
		return errors.Join(append(errs, err)...)
	}
	return errors.Join(append(errs, s.edge.settle(dir, files))...)
}
