package blackbox

import "time"

// ring is the slots of a box: the last records in full, ever coarser outlines
// of what was before, and the last events. It knows nothing of files.
type ring struct {
	image    []byte // the slots, one after another
	full     span
	outlines [3]outline
	events   span
}

// spans is how many parts the slots have: events, outlines, in full.
const spans = 1 + len(ring{}.outlines) + 1

// spanOf numbers the part that a slot is in. What changes at once in two of
// them is far apart.
func (r *ring) spanOf(slot int) int {
	switch {
	case slot < eventSlots:
		return 0
	case slot >= r.full.first:
		return spans - 1
	}
	return 1 + (slot-eventSlots)/r.outlines[0].n
}

// span is a part of the slots that is written round and round.
type span struct{ first, n, next int }

func (s *span) take() int {
	at := s.first + s.next
	s.next = (s.next + 1) % s.n
	return at
}

// outline keeps the highest sample of each interval.
type outline struct {
	span
	period  time.Duration
	current int64 // the interval that pending is of
	pending Record
	some    bool
}

// eventSlots is how many events are kept.
const eventSlots = 32

// reaches is how far back each outline goes.
var reaches = [3]time.Duration{10 * time.Second, 2 * time.Minute, time.Hour}

// newRing divides n slots: half for the last samples in full, the other half
// among the outlines.
func newRing(n int) *ring {
	r := &ring{image: make([]byte, n*recordBytes)}
	r.events = span{n: eventSlots}
	left := n - eventSlots
	each := left / 2 / len(r.outlines)
	at := eventSlots
	for i := range r.outlines {
		r.outlines[i] = outline{span: span{first: at, n: each}, period: reaches[i] / time.Duration(each)}
		at += each
	}
	r.full = span{first: at, n: n - at}
	return r
}

// add puts a record in, and calls changed with each slot that is another now.
// An interval of an outline is put in once it is over: until then the next
// finer one has it.
func (r *ring) add(rec *Record, changed func(slot int)) {
	put := func(at int, rec *Record) {
		copy(r.image[at*recordBytes:], rec[:])
		changed(at)
	}
	if k := rec.Kind(); k != Full && k != Usage {
		put(r.events.take(), rec)
		return
	}
	put(r.full.take(), rec)
	height := rec.Usage().Or(0)
	for i := range r.outlines {
		o := &r.outlines[i]
		interval := rec.Time().UnixNano() / int64(o.period)
		if o.some && interval == o.current {
			if height > o.pending.Usage().Or(0) {
				o.pending = *rec
			}
			continue
		}
		if o.some {
			put(o.take(), &o.pending)
		}
		o.current, o.pending, o.some = interval, *rec, true
	}
}
