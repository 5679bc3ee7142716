package heapdump

import (
	"context"
	"errors"
	"fmt"
)

// maxWaiting bounds how many files wait for Finish; each holds a descriptor.
const maxWaiting = 16

// waiting is a complete file that is to be made to last.
type waiting struct {
	written
	set     setName
	profile string // the name of a heap profile, which may lack symbols; empty: no such
}

// leave notes the capture's files for Finish. The oldest are let go when
// there are too many: they stay complete, only not synced by us.
func (c *capture) leave() {
	for i, w := range c.open {
		next := waiting{written: w, set: c.set}
		if i == 0 {
			next.profile = c.set.file(c.req.Stage, heapProfile)
		}
		c.waiting = append(c.waiting, next)
	}
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
	left, last := s.take()
	dir := s.dir // A capture may follow the path to another meanwhile.
	// A slow disk must not keep the next capture waiting.
	s.release()
	err := s.settle(ctx, &dir, left, room)
	if again := s.acquire(ctx); again != nil {
		return fmt.Errorf("heapdump: finish in %s: %w", s.path, errors.Join(err, again))
	}
	defer s.release()
	if len(left) > 0 {
		err = errors.Join(err, s.prune(last))
	}
	if s.armed != nil && room {
		err = errors.Join(err, s.makeReady())
	}
	if err != nil {
		return fmt.Errorf("heapdump: finish in %s: %w", s.path, err)
	}
	return nil
}

// take hands over what waits, and the set that was written last.
func (s *Store) take() ([]waiting, setName) {
	left := s.waiting
	s.waiting = nil
	if len(left) == 0 {
		return nil, setName{}
	}
	return left, left[len(left)-1].set
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
	return errors.Join(append(errs, dir.settle(files))...)
}
