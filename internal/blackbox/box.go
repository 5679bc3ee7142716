package blackbox

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/memguard-dev/go-memguard/internal/sample"
)

// checkEvery is how often a file that was lost or could not be written is
// tried again.
const checkEvery = 10 * time.Second

// Options say what to keep and where.
type Options struct {
	Dir    string
	Header Header
	// Bytes is the size of the file, from MinBytes to MaxBytes.
	Bytes int
	// Fault is told how each write went: nil is good.
	Fault func(error)
}

// Box is the one of this process. Without a file, when there is no room for
// it, it keeps its records in memory and tries again.
type Box struct {
	opt     Options
	queue   queue
	changed chan struct{}
	state   atomic.Pointer[State]
	around  atomic.Pointer[Surroundings]
	seq     uint64 // of the last record; belongs to who records
	_       line

	// The rest belongs to Run, before it to Open and after it to Close.
	ring             *ring
	record           Record // the one that goes into the ring
	head             [HeadBytes]byte
	generation       uint64
	aroundGeneration uint64
	inHead           *Surroundings // nil: none yet
	dirty            func(slot int)
	lacking          [spans]slots // of each span of the ring
	stale            bool
	create           func(Options) (target, error)
	target           target // nil: none
}

// target is where a box is kept.
type target interface {
	WriteAt(p []byte, at int64) (int, error)
	// linked is false once the file has no name any more.
	linked() bool
	Close() error
}

// New makes a box in memory; Open gives it its file.
func New(o Options) *Box {
	b := &Box{
		opt: o, queue: newQueue(), changed: make(chan struct{}, 1),
		ring: newRing((o.Bytes - HeadBytes) / recordBytes), create: createFile,
	}
	b.state.Store(&State{})
	b.opt.Header.encode(page(b.head[:headerBytes]))
	b.dirty = func(slot int) { b.lacking[b.ring.spanOf(slot)].add(slot) }
	return b
}

// OpenIn is Open in a directory that was not known before.
func (b *Box) OpenIn(dir string) error {
	b.opt.Dir = dir
	return b.Open()
}

// Open makes the file. Run tries again what failed.
func (b *Box) Open() error {
	t, err := b.create(b.opt)
	if err != nil {
		return err
	}
	b.target = t
	b.encodeState(b.state.Load())
	b.encodeAround()
	return b.writeAll()
}

// Sample records one; it neither waits nor allocates. Sample and Event must
// not run at the same time.
func (b *Box) Sample(s *sample.Sample, k Kind) {
	b.seq++
	if r := b.queue.next(); r != nil {
		r.setSample(b.seq, s, k)
		b.queue.push()
	}
}

// Event records what happened beside samples; see [Kind] for the numbers.
func (b *Box) Event(at time.Time, k Kind, n, m uint64) {
	b.seq++
	if r := b.queue.next(); r != nil {
		r.setEvent(b.seq, at, k, n, m)
		b.queue.push()
	}
}

// Dropped counts records that a volume which did not answer has cost.
func (b *Box) Dropped() uint64 { return b.queue.dropped.Load() }

// SetState says what is in force now.
func (b *Box) SetState(s State) {
	b.state.Store(&s)
	b.change()
}

// SetAround says what was last seen around the process.
func (b *Box) SetAround(s Surroundings) {
	b.around.Store(&s)
	b.change()
}

func (b *Box) change() {
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// Run writes what is recorded until ctx ends and what was recorded before is written.
func (b *Box) Run(ctx context.Context) {
	check := time.NewTicker(checkEvery)
	defer check.Stop()
	for {
		if !b.queue.sleep() {
			b.queue.again()
		}
		select {
		case <-ctx.Done():
			b.drain()
			return
		case <-b.queue.wake:
			b.drain()
		case <-b.changed:
			b.encodeState(b.state.Load())
			b.encodeAround()
			b.tell(b.write(b.head[headerBytes:], headerBytes))
		case <-check.C:
			b.tell(b.check())
		}
	}
}

// Close says that the process stopped the watch itself, or that a panic did,
// and closes the file.
func (b *Box) Close(now time.Time, panicking bool) error {
	last := *b.state.Load()
	if panicking {
		last.Panicked = now
	} else {
		last.Stopped = now
	}
	b.encodeState(&last)
	b.encodeAround()
	b.drain()
	if b.target == nil {
		return nil
	}
	err := b.writeAll()
	return errors.Join(err, b.target.Close())
}

// drain puts what waits into the ring, and what changed there into the file.
func (b *Box) drain() {
	for r := b.queue.front(); r != nil; r = b.queue.front() {
		b.record = *r
		b.queue.pop()
		b.record.seal()
		b.ring.add(&b.record, b.dirty)
	}
	for i := range b.lacking {
		if l := b.lacking[i]; l.some() {
			b.tell(b.write(b.ring.image[l.low*recordBytes:l.high*recordBytes], int64(HeadBytes+l.low*recordBytes)))
		}
	}
	b.clear()
}

func (b *Box) clear() { b.lacking = [spans]slots{} }

// slots are those that the file lacks: from low to before high.
type slots struct{ low, high int }

func (s *slots) some() bool { return s.high > 0 }

func (s *slots) add(slot int) {
	if !s.some() {
		s.low = slot
	}
	s.low, s.high = min(s.low, slot), max(s.high, slot+1)
}

// encodeState writes the state into the place that is not the last one's.
func (b *Box) encodeState(state *State) {
	s := *state
	b.generation++
	s.generation = b.generation
	at := headerBytes + int(b.generation%2)*stateBytes
	s.encode(page(b.head[at : at+stateBytes]))
}

// encodeAround does so with surroundings that are new.
func (b *Box) encodeAround() {
	s := b.around.Load()
	if s == b.inHead {
		return
	}
	b.inHead = s
	b.aroundGeneration++
	at := aroundAt + int(b.aroundGeneration%2)*aroundBytes
	s.encode(page(b.head[at:at+aroundBytes]), b.aroundGeneration)
}

// write writes a part. After a failure nothing is written until check has
// written everything.
func (b *Box) write(p []byte, at int64) error {
	if b.target == nil || b.stale {
		return errLater
	}
	_, err := b.target.WriteAt(p, at)
	b.stale = err != nil
	return err
}

// errLater: not written, which was told before.
var errLater = errors.New("later")

func (b *Box) tell(err error) {
	if !errors.Is(err, errLater) {
		b.opt.Fault(err)
	}
}

func (b *Box) writeAll() error {
	b.stale = true
	if _, err := b.target.WriteAt(b.head[:], 0); err != nil {
		return err
	}
	if _, err := b.target.WriteAt(b.ring.image, HeadBytes); err != nil {
		return err
	}
	b.stale = false
	b.clear()
	return nil
}

// check makes good for a file that is lost or could not be written.
func (b *Box) check() error {
	if b.target != nil && !b.target.linked() {
		// Somebody removed it: what closing says helps nobody.
		_ = b.target.Close()
		b.target = nil
	}
	switch {
	case b.target == nil:
		return b.Open()
	case b.stale:
		return b.writeAll()
	}
	return nil
}
