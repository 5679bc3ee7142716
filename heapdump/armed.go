package heapdump

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/memguard-dev/go-memguard/internal/heapprofile"
)

// armed is what urgent captures need, made ready while there is still time
// and memory: buffers that were used once, so that they are resident, and
// files that are open and have their space.
type armed struct {
	encoder *heapprofile.Encoder
	records int
	space   int64 // of a profile with so many records
	spares  []spare
	sink    sink
	name    [maxName + 1]byte
}

// spare is an open file without a name.
type spare struct {
	file  *os.File
	path  []byte // by which it is linked, ending in a zero byte
	space int64  // that is set aside for it
}

// maxSpares is how many files are held: one for each stage of a crossing.
const maxSpares = 2

// Room for records to come, beside an eighth of those there are.
const (
	moreRecords = 256
	moreBytes   = moreRecords * 96
)

// Arm makes ready for urgent captures: about 330 bytes for each distinct
// allocation stack sampled so far are held until [Store.Disarm], and on Linux,
// where the file system has O_TMPFILE, two files without a name, whose space
// is set aside. A process that is killed leaves nothing of them behind.
//
// Armed already, it makes ready for what has been added since; that takes
// about 10 ms for 30,000 stacks. An error says what could not be made ready:
// captures work all the same.
func (s *Store) Arm(ctx context.Context) error {
	if err := s.acquire(ctx); err != nil {
		return fmt.Errorf("heapdump: arm: %w", err)
	}
	defer s.release()
	if err := s.follow(); err != nil {
		return fmt.Errorf("heapdump: arm in %s: %w", s.path, err)
	}
	if s.armed == nil {
		s.armed = &armed{encoder: heapprofile.New()}
	}
	a := s.armed
	if n := heapprofile.Records(); a.records == 0 || n > a.records {
		records := n + n/8 + moreRecords
		a.encoder.Prepare(records)
		a.sink = sink{ctx: ctx, w: io.Discard}
		// Memory that was never written to is not there yet.
		if err := addresses(a.encoder, &a.sink); err != nil {
			return fmt.Errorf("heapdump: arm: %w", err)
		}
		a.records, a.space = records, a.sink.n+a.sink.n/8+moreBytes
		s.held.Store(uint64(records))
	}
	if err := s.makeReady(); err != nil {
		return fmt.Errorf("heapdump: arm in %s: %w", s.path, err)
	}
	return nil
}

// makeReady holds files for the next captures.
func (s *Store) makeReady() error {
	defer s.noteAside()
	return s.armed.makeReady(&s.dir)
}

// noteAside counts the space that is set aside, for those who must not wait.
func (s *Store) noteAside() {
	aside := uint64(0)
	if s.armed != nil {
		for i := range s.armed.spares {
			aside += uint64(s.armed.spares[i].space)
		}
	}
	s.aside.Store(aside)
}

// Disarm gives back what Arm holds.
func (s *Store) Disarm() error {
	s.busy <- struct{}{}
	defer s.release()
	if err := s.disarm(); err != nil {
		return fmt.Errorf("heapdump: disarm: %w", err)
	}
	return nil
}

func (s *Store) disarm() error {
	if s.armed == nil {
		return nil
	}
	err := s.armed.release()
	s.armed = nil
	s.held.Store(0)
	s.noteAside()
	return err
}

// release closes the files.
func (a *armed) release() error {
	var errs []error
	for _, spare := range a.spares {
		errs = append(errs, spare.file.Close())
	}
	a.spares = a.spares[:0]
	return errors.Join(errs...)
}

// What a record takes in a buffer, and a sample in a profile.
const perRecord, perSample = 330, 80

// Need estimates how much memory an urgent capture of the stage takes from
// the container, in bytes: little when armed. It allocates nothing.
func (s *Store) Need(stage Stage) uint64 {
	const (
		manifestAndMore = 64 << 10
		collection      = 1 << 20 // what marking takes for its queues
	)
	records := uint64(heapprofile.Records())
	need := uint64(manifestAndMore)
	if stage == Fresh {
		need += collection
	}
	if held := s.held.Load(); records > held {
		need += (records - held) * perRecord
	}
	if s.kind == Tmpfs {
		need += records * perSample
	}
	return need
}

// NeedToArm estimates how much memory [Store.Arm] would take now from the
// container, in bytes: what is missing of the buffers, and on tmpfs of the space
// that is set aside. It allocates nothing.
func (s *Store) NeedToArm() uint64 {
	records, held := uint64(heapprofile.Records()), s.held.Load()
	need := uint64(0)
	if records > held {
		records += records/8 + moreRecords
		need = (records - held) * perRecord
	}
	if s.kind == Tmpfs {
		space := maxSpares * (records*perSample + moreBytes)
		need += space - min(space, s.aside.Load())
	}
	return need
}

// makeReady opens the files that are missing, and sets aside more space for
// those that have too little. Where that fails, as on a full volume, there is
// no file to hold, or it keeps the space it has.
func (a *armed) makeReady(dir *directory) error {
	for i := range a.spares {
		held := &a.spares[i]
		if held.space >= a.space {
			continue
		}
		if err := reserve(held.file, a.space); err != nil {
			return err
		}
		held.space = a.space
	}
	for len(a.spares) < maxSpares {
		f, path, err := dir.unnamed(a.space)
		if err != nil {
			if isUnsupported(err) {
				return nil
			}
			return err
		}
		a.spares = append(a.spares, spare{f, path, a.space})
	}
	return nil
}

// profileArmed writes the profile into a file that is ready; not ok: there is
// none, or it did not work, and the usual way is to be tried.
func (c *capture) profileArmed() (_ written, ok bool) {
	w, ok := c.linkArmed()
	if ok && c.moved() {
		// Looked at only now, since it takes memory. Nobody would find the
		// file; the usual way finds the directory.
		_ = c.dir.root.Remove(c.set.file(c.req.Stage, heapProfile))
		_ = w.file.Close()
		return written{}, false
	}
	return w, ok
}

// linkArmed writes the profile and gives it its name, without an allocation.
func (c *capture) linkArmed() (_ written, ok bool) {
	a := c.armed
	if a == nil || len(a.spares) == 0 {
		return written{}, false
	}
	last := len(a.spares) - 1
	ready := a.spares[last]
	a.spares = a.spares[:last]
	c.noteAside()
	a.sink = sink{ctx: c.ctx, w: ready.file}
	c.encoder = a.encoder
	err := addresses(a.encoder, &a.sink)
	if err == nil {
		err = a.sink.err
	}
	if err == nil {
		err = c.claimArmed(ready.path)
	}
	if err != nil {
		_ = ready.file.Close() // Without a name it leaves nothing, and the usual way tells what is wrong.
		return written{}, false
	}
	return written{file: ready.file, size: a.sink.n, reserved: ready.space}, true
}

// moved: the path leads elsewhere by now, or nowhere.
func (s *Store) moved() bool {
	now, err := os.Stat(s.path)
	if err != nil {
		// Of another error nothing follows.
		return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
	}
	opened, err := s.dir.self.Stat()
	return err == nil && !os.SameFile(now, opened)
}

// claimArmed gives the file the first free name of its set. Unlike claim it
// looks at no other stage's name, since that takes memory: at worst two
// processes share a set, and no file is lost.
func (c *capture) claimArmed(path []byte) error {
	set, known := c.recent.find(c.req.Time)
	if !known {
		var err error
		if set, err = newSetName(c.req.Time, c.edge.pid); err != nil {
			return err
		}
	}
	for range maxMoves {
		name := fileName{set: set, stage: c.req.Stage, kind: heapProfile}.append(c.armed.name[:0])
		err := c.dir.link0(path, append(name, 0))
		if err == nil {
			c.set = set
			c.recent.add(c.req.Time, set)
			return nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		set = set.next()
	}
	return fs.ErrExist
}
